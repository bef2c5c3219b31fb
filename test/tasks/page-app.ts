import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CookieJar, cookieJar } from '../../src/testing/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The packages that the apps of the pages import, in addition to this one. */
const USED = [
  'express',
  '@node-rs/argon2',
  'express-rate-limit',
  'supertest',
  '@grpc/grpc-js',
  'google-auth-library',
  '@google-cloud/tasks',
]

/** The module format of an app. */
export const FORMATS = ['ES module', 'CommonJS'] as const
export type Format = (typeof FORMATS)[number]

/** A running app, and one visitor. */
export interface Running {
  readonly origin: string
  /** Its output so far. */
  said(): string
  ask(path: string, options?: AskOptions): Promise<Answer>
  stop(): void
}

export interface AskOptions {
  readonly method?: string
  readonly form?: Readonly<Record<string, string>> | URLSearchParams
  readonly json?: object
  readonly headers?: Readonly<Record<string, string>>
  /** The jar whose cookies are sent and that keeps received ones. Default: the jar of the one visitor. */
  readonly jar?: CookieJar
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** A folder with the packed package and the packages that the pages use. */
export interface PageFolder {
  /** Starts the app of the first block of a page. */
  start(page: string, format: Format): Promise<Running>
  /**
   * Writes the files that the first block of a page writes with `cat`, and starts its `app.mjs`. `goingOn` is a
   * page that changes these files with `sed` before the start.
   */
  startDeployed(
    page: string,
    environment: Readonly<Record<string, string>>,
    goingOn?: string,
  ): Promise<Running>
  /** Runs the tests of the first block of a page, and returns their output. Throws if one fails. */
  test(page: string): string
  /** A file that was written. */
  read(name: string): string
  remove(): void
}

/** The first block of a page: a whole app. */
function appOf(page: string): string {
  const text = readFileSync(join(root, page), 'utf8')
  const [, code] = /^```js\n([\s\S]+?)^```/m.exec(text) ?? []
  if (code === undefined) throw new Error(`${page} has no code`)
  return code
}

/** The same app in CommonJS: with `require()`, and without `await` outside of functions. */
function inCommonJS(code: string): string {
  const body = code
    .replace(/^import (\w+) from ('.+')$/gm, 'const $1 = require($2)')
    .replace(/^import (\{.+\}) from ('.+')$/gm, 'const $1 = require($2)')
  return `(async () => {\n${body}\n})()\n`
}

/** Reports the port on which a server listens. */
const TELLS_PORT = `import { Server } from 'node:net'
const { listen } = Server.prototype
Server.prototype.listen = function (...args) {
  this.once('listening', () => process.send(this.address().port))
  return listen.apply(this, args)
}
`

/** Packs the package, and installs it into a folder outside of the repository. */
export function pageFolder(): PageFolder {
  const folder = mkdtempSync(join(tmpdir(), 'viur-pages-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  for (const name of USED) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  execFileSync(process.execPath, [join(root, 'scripts/pack-for-folder.mjs')], {
    cwd: folder,
    stdio: 'pipe',
  })
  writeFileSync(join(folder, 'tells-port.mjs'), TELLS_PORT)
  return {
    start: async (page, format) => {
      const file = join(folder, format === 'ES module' ? 'app.mjs' : 'app.cjs')
      writeFileSync(file, format === 'ES module' ? appOf(page) : inCommonJS(appOf(page)))
      return running(folder, file)
    },
    startDeployed: (page, environment, goingOn) => {
      const text = readFileSync(join(root, page), 'utf8')
      for (const [, name = '', , body = ''] of text.matchAll(
        /^cat > (\S+) <<'(\w+)'\n([\s\S]+?)^\2$/gm,
      )) {
        writeFileSync(join(folder, name), body)
      }
      if (goingOn !== undefined) {
        const lines =
          readFileSync(join(root, goingOn), 'utf8').match(/^(?:PROJECT=|sed ).*$/gm) ?? []
        execFileSync('bash', ['-ec', lines.join('\n')], { cwd: folder })
      }
      return running(folder, join(folder, 'app.mjs'), environment)
    },
    test: (page) => {
      writeFileSync(join(folder, 'app.test.mjs'), appOf(page))
      const args = ['--test', '--test-reporter=tap', 'app.test.mjs']
      return execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: {} })
    },
    read: (name) => readFileSync(join(folder, name), 'utf8'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function running(
  folder: string,
  file: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const { PATH = '' } = process.env
  const child = fork(file, {
    cwd: folder,
    env: { PATH, PORT: '0', ...environment },
    execArgv: ['--import', './tells-port.mjs'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const origin = `http://127.0.0.1:${await portOf(child, () => output)}`
  const visitor = cookieJar()
  return {
    origin,
    said: () => output,
    ask: async (path, { method, form, json, headers, jar = visitor } = {}) => {
      const cookie = jar.header(origin)
      const response = await fetch(origin + path, {
        method: method ?? (form === undefined && json === undefined ? 'GET' : 'POST'),
        redirect: 'manual',
        headers: {
          'sec-fetch-site': 'same-origin',
          ...(json && { 'content-type': 'application/json' }),
          ...(cookie && { cookie }),
          ...headers,
        },
        ...(form && { body: new URLSearchParams(form) }),
        ...(json && { body: JSON.stringify(json) }),
      })
      jar.set(response.headers.getSetCookie(), origin)
      return { status: response.status, headers: response.headers, body: await response.text() }
    },
    stop: () => void child.kill(),
  }
}

async function portOf(child: ChildProcess, output: () => string): Promise<number> {
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the app ended before it listened:\n${output()}`)
  })
  const [port] = (await Promise.race([once(child, 'message'), ended])) as [number]
  ended.catch(() => {})
  return port
}
