/**
 * The apps of the matrix: the optional peers that each has installed, and its expected output.
 *
 * `says`: its output on the emulator for each `transport`. `leftOut`: differences in one file without the peers, for each
 * manager. `inside`: differences in one file that contains the peers, for each format. `cloud`: its output without an
 * emulator.
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
/** In one file the version cannot be found out. */
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

/** The apps for this major version of Node: version 11 of Google's client requires Node 22. */
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
      // The version inside cannot be found out.
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
      // It installs the others, and with both managers viur-session can import them.
      says: { ...byGrpc, client: over(DRIVER) },
      // They are not dependencies of the app: with pnpm one file finds only the app's own dependencies.
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
