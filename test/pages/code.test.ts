import { execFileSync, fork, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { IN_SLOW, matrix } from '../setup/matrix.ts'
import { uniqueSpace } from '../setup/stores.ts'
import { BLOCKS, type Block, root } from './blocks.ts'
import {
  asCommonJS,
  asESModule,
  contextOf,
  contextSource,
  type Module,
  modulesOf,
  nameOf,
} from './modules.ts'
import { CHANGES, wayOf } from './rules.ts'

const host = process.env['DATASTORE_EMULATOR_HOST']

interface Page {
  readonly page: string
  /** Its name as the name of a folder. */
  readonly name: string
  readonly context: string
  readonly modules: readonly Module[]
  readonly runs: ReadonlySet<string>
}

const isCode = (block: Block): boolean => ['runs', 'compiled'].includes(wayOf(block)?.way ?? '')

function runsHere(block: Block): boolean {
  const way = wayOf(block)
  if (way?.way !== 'runs') return false
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [since = 0, sinceMinor = 0] = (way.since ?? '0.0').split('.').map(Number)
  return major > since || (major === since && minor >= sinceMinor)
}

const PAGES_WITH_CODE: readonly Page[] = [
  ...new Set(BLOCKS.filter(isCode).map(({ page }) => page)),
].map((page) => {
  const blocks = BLOCKS.filter((block) => block.page === page && isCode(block))
  const context = contextOf(page, blocks)
  const running = blocks.filter(runsHere)
  return {
    page,
    name: nameOf(page),
    context,
    modules: modulesOf(blocks, context),
    runs: new Set(running.map(({ line }) => `line-${line}`)),
  }
})

/** Each page as one kind of module; in the project *slow*, as the other one. */
const PAGES_AS = matrix(PAGES_WITH_CODE, ['mjs', 'cjs'] as const)

/** A context, and the contexts from which it takes names. */
function contextsOf(name: string): string[] {
  const taken = [...contextSource(name).matchAll(/^export \* from '\.\/([\w-]+)\.js'$/gm)]
  return [name, ...taken.flatMap(([, one = '']) => contextsOf(one))]
}

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'viur-blocks-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  execFileSync(process.execPath, [join(root, 'scripts/pack-for-folder.mjs')], {
    cwd: folder,
    stdio: 'pipe',
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(file: string, text: string): string {
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

function changed(page: string, text: string): string {
  return CHANGES.filter((change) => change.page === page).reduce(
    (all, { from, to }) => all.replaceAll(from, to),
    text,
  )
}

/** Packages that have no types. */
const UNTYPED = ['koa-session', 'passport', 'supertest']

const COMPILED = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'es2024.string', 'dom', 'dom.iterable'],
    types: ['node'],
    allowJs: true,
    checkJs: true,
    skipLibCheck: true,
    noEmit: true,
  },
}

/** Pages whose types declare `req.session` or the data of sessions. Each is compiled as a separate program. */
function programOf(code: string, name: string): string {
  if (code.includes('declare module')) return name
  if (/'(?:express-session|koa-session|@fastify\/session)'/.test(code)) return 'of-others'
  return 'all'
}

/**
 * JavaScript code does not declare types of values. So only unknown names count: those of a variable, an export, an
 * option, or a member of a session.
 */
const OF_JAVASCRIPT =
  /error TS(?:2304|2305|2307|2353|2551|2552|2554|2724|2339: .* on type '(?:Sessions|Session|RequestSession|SessionEntry)<)/

/** A message that begins with the place on the page. */
function onPage(message: string): string {
  const [, name = '', block = '', at = ''] =
    /^types\/([^/]+)\/(line-\d+)\.[jt]s\((\d+),/.exec(message) ?? []
  const page = PAGES_WITH_CODE.find((one) => one.name === name)
  const module = page?.modules.find((one) => one.name === block)
  if (page === undefined || module === undefined) return message
  const line = Number(block.slice('line-'.length)) + Number(at) - module.offset
  return `${page.page}:${line}: ${message.slice(message.indexOf(': ') + 2)}`
}

/** The messages of the compiler about files, in its readable form. */
function compiled(program: string, files: readonly string[]): string[] {
  const isTyped = program.startsWith('ts-')
  const compilerOptions = { ...COMPILED.compilerOptions, strict: isTyped }
  const text = JSON.stringify({ compilerOptions, files: [...files, 'untyped.d.ts'] })
  const config = write(`types/${program}.json`, text)
  const args = [join(root, 'node_modules/typescript/bin/tsc'), '-p', config, '--pretty', 'false']
  const ran = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  const said = ran.stdout.split('\n').filter((line) => /error TS/.test(line))
  // A compiler that does not run would find nothing.
  if (ran.status !== 0 && said.length === 0) throw new Error(`tsc: ${ran.error ?? ran.stderr}`)
  return said
    .filter((line) => (isTyped ? !/^[^(]+\.js\(/.test(line) : OF_JAVASCRIPT.test(line)))
    .map(onPage)
}

describe('the code of the pages', () => {
  if (!IN_SLOW)
    it('compiles', () => {
      const programs = new Map<string, string[]>()
      for (const { name, context, modules } of PAGES_WITH_CODE) {
        for (const one of contextsOf(context)) write(`types/${name}/${one}.ts`, contextSource(one))
        const group = programOf(modules.map(({ source }) => source).join('\n'), name)
        for (const module of modules) {
          const ending = module.isTyped ? 'ts' : 'js'
          const file = `${name}/${module.name}.${ending}`
          write(`types/${file}`, module.source)
          const program = `${ending}-${group}`
          programs.set(program, [...(programs.get(program) ?? []), file])
        }
      }
      write('types/package.json', '{ "type": "module" }')
      write('types/untyped.d.ts', UNTYPED.map((name) => `declare module '${name}'\n`).join(''))
      expect([...programs].flatMap(([program, files]) => compiled(program, files))).toEqual([])
    })

  if (!IN_SLOW)
    it('can be read, also where it is of another system', () => {
      const shown = BLOCKS.filter((block) => wayOf(block)?.way === 'parsed')
      const scripts = shown.filter(({ language }) => language === 'js')
      expect(scripts.length).toBeGreaterThan(0)
      for (const { code } of scripts) expect(asESModule(code, false)).not.toBe('')
    })

  it.each([
    ['an ES module', 'mjs', asESModule],
    ['CommonJS', 'cjs', asCommonJS],
  ] as const)('runs as %s', async (_, ending, as) => {
    const files = new Map<string, string>()
    for (const [{ page, name, context, modules, runs }, kind] of PAGES_AS) {
      if (kind !== ending) continue
      for (const one of contextsOf(context)) {
        write(`${ending}/${name}/${one}.${ending}`, as(contextSource(one), true))
      }
      for (const module of modules) {
        if (!runs.has(module.name)) continue
        const text = as(changed(page, module.source), module.isTyped)
        const path = write(`${ending}/${name}/${module.name}.${ending}`, text)
        files.set(path, `${page}:${module.name.slice('line-'.length)}`)
      }
    }
    const child = fork(fileURLToPath(new URL('run-modules.mjs', import.meta.url)), {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        DATASTORE_EMULATOR_HOST: host,
        GOOGLE_CLOUD_PROJECT: uniqueSpace(),
        METADATA_SERVER_DETECTION: 'none',
        SESSION_SECRET: 'a secret that is long enough to sign with',
        SESSION_KEY: randomBytes(32).toString('base64url'),
        SESSION_KEY_2027: randomBytes(32).toString('base64url'),
      },
      stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
    })
    onTestFinished(() => void child.kill())
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.stdin?.end(JSON.stringify([...files.keys()]))
    const failed = await new Promise<Record<string, string>>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Record<string, string>))
      child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${said}`)))
    })
    const told = Object.entries(failed).map(([file, error]) => `${files.get(file)}: ${error}`)
    expect(told).toEqual([])
  })
})
