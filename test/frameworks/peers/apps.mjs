/**
 * The apps of the matrix: which optional peers each has installed, and what is to come of it.
 *
 * `says`: what it says on the emulator by each `transport`. `leftOut`: what differs in one file that leaves the peers out, by
 * manager. `inside`: what differs in one file that has them inside, by format. `cloud`: what it says without an emulator.
 */
const GRPC = '@grpc/grpc-js'
const AUTH = 'google-auth-library'
const DRIVER = '@google-cloud/datastore'

/** The oldest versions that the package allows. */
const OLDEST = { [GRPC]: '1.12.0', [AUTH]: '9.0.0', [DRIVER]: '9.0.0' }

const needs = (...names) =>
  names.length === 1
    ? `SessionStoreError: datastoreStore() needs ${names[0]}: run "npm install ${names[0]}"`
    : `SessionStoreError: datastoreStore() needs ${GRPC} and ${AUTH}, or ${DRIVER}: run "npm install ${GRPC} ${AUTH}"`
const ANY = needs(GRPC, AUTH, DRIVER)

const over = (name, version = '\\d+\\.\\d+\\.\\d+') => new RegExp(`^7 by ${name} ${version}$`)
/** In one file nobody can say which version it is. */
const inside = over(GRPC, 'null')
const leaveOut = (name) =>
  new RegExp(
    `${name} could not be loaded .+ leave it out of the bundle \\(esbuild: --external:${name}\\)$`,
  )

const noClient = { client: needs(DRIVER) }
const byGrpc = { auto: over(GRPC), grpc: over(GRPC) }
const grpcInside = {
  commonjs: { auto: inside, grpc: inside },
  esm: { auto: leaveOut(GRPC), grpc: leaveOut(GRPC) },
}
const allInside = {
  commonjs: { ...grpcInside.commonjs, client: leaveOut(DRIVER) },
  esm: { ...grpcInside.esm, client: leaveOut(DRIVER) },
}

/** Those for this major version of Node: version 11 of Google's client asks for 22. */
export function appsFor(major) {
  const newest = { [GRPC]: '^1', [AUTH]: '*', [DRIVER]: major < 22 ? '^10' : '*' }
  const of = (versions, ...names) => Object.fromEntries(names.map((name) => [name, versions[name]]))
  return [
    {
      name: 'nothing',
      peers: {},
      says: { auto: ANY, grpc: needs(GRPC), ...noClient },
      cloud: { auto: ANY, grpc: needs(GRPC), ...noClient },
    },
    ...[OLDEST, newest].map((versions) => {
      const version = versions === OLDEST ? OLDEST[GRPC] : undefined
      return {
        name: `${GRPC} ${versions[GRPC]} alone`,
        peers: of(versions, GRPC),
        says: { auto: over(GRPC, version), grpc: over(GRPC, version), ...noClient },
        inside: grpcInside,
        cloud: { auto: ANY, grpc: needs(AUTH), ...noClient },
      }
    }),
    {
      name: `${GRPC} older than it may be`,
      peers: { [GRPC]: '1.11.3' },
      says: {
        auto: /1\.11\.3.+1\.12 or newer: run "npm install/,
        grpc: /1\.12 or newer/,
        ...noClient,
      },
      // Nobody can say which version is inside.
      inside: grpcInside,
    },
    ...[OLDEST, newest].map((versions) => ({
      name: `${GRPC} ${versions[GRPC]} and ${AUTH} ${versions[AUTH]}`,
      peers: of(versions, GRPC, AUTH),
      says: { ...byGrpc, ...noClient },
      inside: grpcInside,
    })),
    ...[OLDEST, newest].map((versions) => ({
      name: `${DRIVER} ${versions[DRIVER]} alone`,
      peers: of(versions, DRIVER),
      // It brings the others along, and both managers put them within the reach of viur-session.
      says: { ...byGrpc, client: over(DRIVER) },
      // Not of the app: with pnpm one file finds only what the app names itself.
      leftOut: { pnpm: { auto: over(DRIVER), grpc: needs(GRPC) } },
      inside: allInside,
    })),
    {
      name: 'all',
      peers: of(newest, GRPC, AUTH, DRIVER),
      says: { ...byGrpc, client: over(DRIVER) },
      inside: allInside,
    },
  ]
}
