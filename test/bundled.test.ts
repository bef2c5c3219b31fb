import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build as esbuild } from 'esbuild'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { buildInto } from './built-package.ts'
import { describeOnce, matrix } from './setup/matrix.ts'
import { EMULATORS, uniqueSpace } from './setup/stores.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const built = mkdtempSync(join(tmpdir(), 'viur-built-'))

beforeAll(() => buildInto(built))

afterAll(() => rmSync(built, { recursive: true }))

const APP = `
import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'

const store = datastoreStore({ projectId: 'bundled', namespace: process.env.SPACE })
const sessions = createSessions({ store, cookie: { secure: false } })
try {
  await sessions.ready()
  const session = await sessions.open({ loopback: true }).load()
  session.set('n', 7)
  const { setCookie } = await sessions.commit(session)
  const [cookie] = setCookie[0].split(';')
  const again = await sessions.open({ cookie, loopback: true }).load()
  console.log('found ' + again.get('n'))
} catch (error) {
  console.log(error.name + ': ' + error.message)
}
await sessions.close()
`

type Bundle = (from: string, to: string, external: string[]) => Promise<unknown>

const BUNDLERS: Record<string, Bundle> = {
  esbuild: (from, to, external) =>
    esbuild({
      entryPoints: [from],
      outfile: to,
      external,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'silent',
    }),
  rolldown: async (from, to, external) => {
    const bundle = await rolldown({ input: from, external, platform: 'node', logLevel: 'silent' })
    await bundle.write({ file: to, format: 'esm', codeSplitting: false })
    await bundle.close()
  },
}

const DRIVER = '@google-cloud/datastore'
const GRPC = '@grpc/grpc-js'
const AUTH = 'google-auth-library'

const NOTHING_THERE = {
  stdout: `SessionStoreError: datastoreStore() needs ${GRPC} and ${AUTH}, or ${DRIVER}: run "npm install ${GRPC} ${AUTH}"\n`,
  stderr: '',
  status: 0,
}

describe.each(Object.entries(BUNDLERS))('an app in one file made by %s', (bundler, bundle) => {
  const emulators = matrix(EMULATORS, Object.keys(BUNDLERS)).flatMap(([kind, name]) =>
    name === bundler ? [kind] : [],
  )

  for (const { name, host, missing } of emulators) {
    it.skipIf(missing !== null)(
      `finds the client of Google outside the file, and keeps sessions on the ${name}`,
      async () => {
        const app = scratch([DRIVER])
        await bundle(app.source, app.bundle, [DRIVER])
        expect(app.run(host as string)).toEqual({ stdout: 'found 7\n', stderr: '', status: 0 })
      },
    )
  }

  for (const { name, host, missing } of emulators) {
    it.skipIf(missing !== null)(
      `keeps sessions over gRPC without the client of Google, with gRPC outside and inside the file, on the ${name}`,
      async () => {
        for (const external of [[GRPC], []]) {
          const app = scratch([GRPC])
          await bundle(app.source, app.bundle, external)
          const { stdout, stderr, status } = app.run(host as string)
          expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
          expect(stdout).toMatch(
            external.length > 0
              ? /^found 7\n$/
              : /^found 7\n$|could not be loaded \(.+\): .* leave it out of the bundle \(esbuild: --external:@grpc\/grpc-js\)\n$/,
          )
        }
      },
    )
  }
})

describeOnce('an app in one file', () => {
  describe.each(Object.entries(BUNDLERS))('made by %s', (_name, bundle) => {
    it('says what to install if the client is missing at run time', async () => {
      const app = scratch([])
      await bundle(app.source, app.bundle, [DRIVER])
      expect(app.run('127.0.0.1:1')).toEqual(NOTHING_THERE)
    })

    it('can be built without an installed client, and says so when it runs', async () => {
      const app = scratch([])
      await bundle(app.source, app.bundle, [])
      expect(app.run('127.0.0.1:1')).toEqual(NOTHING_THERE)
    })

    it('works with the client in the file, or says what is wrong and how to leave the client out', async () => {
      const { host } = EMULATORS.find(({ missing }) => missing === null) ?? { host: null }
      const app = scratch([DRIVER])
      await bundle(app.source, app.bundle, [])
      const { stdout, status } = app.run(host ?? '127.0.0.1:1')
      expect(status).toBe(0)
      expect(stdout).toMatch(
        /^found 7\n$|could not be loaded \(.+\): .* leave it out of the bundle \(esbuild: --external:@google-cloud\/datastore\)\n$/,
      )
    })
  })
})

/** The command of docs/deploying.md, as options. */
const COMMONJS = { bundle: true, format: 'cjs', platform: 'node', logLevel: 'silent' } as const

const SERVER = `
import express from 'express'
import { createSessions } from 'viur-session'
import { datastoreStore } from 'viur-session/datastore'
import { sessionMiddleware } from 'viur-session/express'

const store = datastoreStore({ projectId: 'bundled', namespace: process.env.SPACE })
const app = express()
app.use(sessionMiddleware(createSessions({ store, cookie: { secure: false } })))
app.get('/', (req, res) => {
  req.session.set('n', 7)
  res.send('ok')
})
const server = app.listen(0, '127.0.0.1', async () => {
  const response = await fetch('http://127.0.0.1:' + server.address().port)
  console.log(response.status, response.headers.get('set-cookie')?.split('=')[0])
  process.exit()
})
`

describeOnce('an app on Express in one file, built as in the guide', () => {
  for (const kind of EMULATORS) {
    it.skipIf(kind.missing !== null)(`serves sessions on the ${kind.name}`, async () => {
      const app = scratch([GRPC, 'express'], SERVER, 'bundle.cjs')
      const external = [GRPC, DRIVER, '@google-cloud/tasks', AUTH]
      await esbuild({ ...COMMONJS, entryPoints: [app.source], outfile: app.bundle, external })
      const said = { stdout: '200 viur-session\n', stderr: '', status: 0 }
      expect(app.run(kind.host as string)).toEqual(said)
    })
  }
})

interface Scratch {
  readonly source: string
  readonly bundle: string
  run(emulator: string): { stdout: string; stderr: string; status: number | null }
}

/** A project in another folder with the package and the given packages, which make the calls to Datastore. */
function scratch(packages: readonly string[], app: string = APP, file = 'bundle.mjs'): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'viur-bundled-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const modules = join(folder, 'node_modules')
  // The files that are packed: the others are more than a thousand.
  for (const part of ['package.json', 'dist/lib'])
    cpSync(join(built, part), join(modules, 'viur-session', part), { recursive: true })
  for (const name of packages) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  const source = join(folder, 'app.mjs')
  writeFileSync(source, app)
  const bundle = join(folder, file)
  return {
    source,
    bundle,
    run: (emulator) => {
      const { PATH = '' } = process.env
      const environment = {
        PATH,
        SPACE: uniqueSpace(),
        DATASTORE_EMULATOR_HOST: emulator,
        METADATA_SERVER_DETECTION: 'none',
      }
      const { stdout, stderr, status } = spawnSync(process.execPath, [bundle], {
        env: environment,
        encoding: 'utf8',
      })
      return { stdout, stderr, status }
    },
  }
}
