import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const { devDependencies } = JSON.parse(readFileSync(`${here}package.json`, 'utf8'))
const releases = Object.keys(devDependencies)
  .filter((name) => name.startsWith('typescript-'))
  .map((name) => name.slice('typescript-'.length))

const STRICT = {
  target: 'es2022',
  lib: ['es2023'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
}

/** The settings that a release supports: from 6 on the old resolution of `commonjs` is gone. */
const isOld = (release) => Number(release) < 6

const SETTINGS = [
  ['node16', { module: 'node16' }, ['module', 'commonjs']],
  ['nodenext', { module: 'nodenext' }, ['module', 'commonjs']],
  [
    'nodenext, verbatimModuleSyntax',
    { module: 'nodenext', verbatimModuleSyntax: true },
    ['module'],
  ],
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }, ['module', 'commonjs']],
  ['preserve', { module: 'preserve' }, ['module', 'commonjs']],
  ['commonjs', { module: 'commonjs' }, ['commonjs']],
  [
    'commonjs without esModuleInterop',
    { module: 'commonjs', esModuleInterop: false },
    ['commonjs'],
    isOld,
  ],
  [
    'node16 without esModuleInterop',
    { module: 'node16', esModuleInterop: false },
    ['commonjs'],
    isOld,
  ],
]

for (const release of releases) {
  for (const [name, options, types, isKnown = () => true] of SETTINGS) {
    if (!isKnown(release)) continue
    for (const type of types) {
      test(`TypeScript ${release}, ${name}, "type": "${type}"`, () => {
        check(release, options, type, { 'app.txt': 'app.ts' })
        // It has other types for req.session, so it cannot be in the same program.
        if (name.startsWith('node16')) {
          check(release, options, type, { 'express-session.txt': 'store.ts' })
        }
      })
    }
  }
  test(`TypeScript ${release}: one app of ES modules and CommonJS`, () => {
    const files = { 'mixed.cts.txt': 'mixed.cts', 'mixed.mts.txt': 'mixed.mts' }
    check(release, { module: 'nodenext' }, 'module', files)
  })
}

/** The program at the top of docs/typescript.md, from the packed page. */
const [, page] = /```ts\n([\s\S]*?)```/.exec(
  readFileSync(`${here}node_modules/viur-session/docs/typescript.md`, 'utf8'),
)

for (const [type, module] of [
  ['module', 'esnext'],
  ['commonjs', 'commonjs'],
]) {
  test(`docs/typescript.md opens with a program that compiles and runs, "type": "${type}"`, async () => {
    writeFileSync(`${here}page.txt`, page)
    for (const release of releases) {
      check(release, { module: 'nodenext' }, type, { 'page.txt': 'page.ts' })
    }
    rmSync(`${here}page.txt`)
    const { default: compiler } = await import('typescript-5.9')
    const compilerOptions = { module, target: 'es2022', esModuleInterop: true }
    const { outputText } = compiler.transpileModule(page, { compilerOptions })
    const file = `${here}page.${type === 'module' ? 'mjs' : 'cjs'}`
    writeFileSync(file, outputText)
    const port = await freePort()
    const app = spawn(process.execPath, [file], { env: { ...process.env, PORT: port } })
    try {
      const url = `http://127.0.0.1:${port}`
      const first = await answering(url, app)
      assert.equal(await first.text(), 'seen 1 times\n')
      const login = await fetch(`${url}/login`, { method: 'POST' })
      assert.equal(await login.text(), 'hello alice\n')
      const headers = { cookie: login.headers.getSetCookie()[0].split(';')[0] }
      assert.equal(await (await fetch(`${url}/account`, { headers })).text(), 'only for alice\n')
      assert.equal((await fetch(`${url}/account`)).status, 401)
    } finally {
      app.kill()
      rmSync(file)
    }
  })
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return String(port)
}

/** The first answer of a newly started app. */
async function answering(url, app) {
  while (app.exitCode === null) {
    const response = await fetch(url).catch(() => null)
    if (response !== null) return response
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the app ended: ${app.exitCode}`)
}

/** Checks the types of these files in a separate folder. */
function check(release, options, type, files) {
  const folder = `${here}scratch`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const [from, to] of Object.entries(files)) copyFileSync(here + from, `${folder}/${to}`)
  writeFileSync(`${folder}/package.json`, JSON.stringify({ private: true, type }))
  const tsconfig = { compilerOptions: { ...STRICT, ...options }, files: Object.values(files) }
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(tsconfig))
  const tsc = `${here}node_modules/typescript-${release}/bin/tsc`
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  assert.equal(stdout, '')
  assert.equal(status, 0)
  rmSync(folder, { recursive: true })
}
