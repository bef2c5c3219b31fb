import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cloudTasksServer } from '@viur-session/cloud-tasks-server'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'cloud-tasks-'))
const dist = join(scratch, 'dist')

beforeAll(() => {
  const tsc = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin/tsc',
  )
  // Files that are being changed may not compile, but tsc writes its output anyway.
  spawnSync(process.execPath, [tsc, '-p', join(root, 'src'), '--outDir', dist])
  for (const file of ['package.json', 'emulator.sh'])
    copyFileSync(join(root, file), join(scratch, file))
  const modules = join(scratch, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@viur-session') symlinkSync(join(root, 'node_modules', name), join(modules, name))
  // The server as it would be installed, built from its present sources.
  const server = join(modules, '@viur-session', 'cloud-tasks-server')
  mkdirSync(server, { recursive: true })
  const source = join(root, 'src', 'cloud-tasks-server')
  copyFileSync(join(source, 'package.json'), join(server, 'package.json'))
  spawnSync(process.execPath, [tsc, '-p', source, '--outDir', join(server, 'dist')])
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const fresh = { ...process.env }
  for (const name of [
    'CLOUD_TASKS_EMULATOR_HOST',
    'DATASTORE_EMULATOR_HOST',
    'GOOGLE_CLOUD_PROJECT',
    // Set for the whole suite; without it the driver may look for a metadata server, and warn.
    'METADATA_SERVER_DETECTION',
  ]) {
    delete fresh[name]
  }
  const child = spawn(command, args, { cwd: scratch, env: { ...fresh, ...env } })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    out.stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    out.stderr += chunk
  })
  const [status] = await once(child, 'close')
  return { ...out, status: status as number | null }
}

function node(script: string, env?: NodeJS.ProcessEnv) {
  return run(process.execPath, ['--input-type=module', '-e', script], env)
}

describe('the client', () => {
  it('is loaded on first use, and is silent', async () => {
    const server = await cloudTasksServer()
    server.hold()
    try {
      const script = `
        import { createRequire } from 'node:module'
        import { cloudTasks } from './dist/cloud-tasks/index.js'
        const { cache } = createRequire(import.meta.url)
        const loaded = () => Object.keys(cache).some((path) => /google-gax|cloud-tasks/.test(path))
        const queue = cloudTasks({ queue: 'q', location: 'l', target: { appEngine: {} } })
        const before = loaded()
        const added = await queue.add({ name: 'a', body: 1 })
        await queue.close()
        process.exitCode = !before && loaded() && added === 'added' ? 7 : 1`
      expect(await node(script, { CLOUD_TASKS_EMULATOR_HOST: server.host })).toEqual({
        status: 7,
        stdout: '',
        stderr: '',
      })
      expect(server.tasks.map(({ name }) => name)).toEqual([
        'projects/viur-session-local/locations/l/queues/q/tasks/a',
      ])
    } finally {
      await server.stop()
    }
  })

  it('does not use a proxy for a local server', async () => {
    const server = await cloudTasksServer()
    server.hold()
    try {
      const script = `
        import { cloudTasks } from './dist/cloud-tasks/index.js'
        const queue = cloudTasks({ queue: 'q', location: 'l', target: { appEngine: {} } })
        await queue.add({ name: 'a', body: 1 })
        await queue.close()`
      const proxy = 'http://127.0.0.1:1'
      const env = { CLOUD_TASKS_EMULATOR_HOST: server.host, grpc_proxy: proxy, https_proxy: proxy }
      expect(await node(script, env)).toEqual({ status: 0, stdout: '', stderr: '' })
    } finally {
      await server.stop()
    }
  })

  it('says what is wrong without credentials, and does not end the process', async () => {
    const script = `
      import { cloudTasks } from './dist/cloud-tasks/index.js'
      const queue = cloudTasks({ queue: 'q', projectId: 'p', location: 'l', target: { appEngine: {} } })
      const error = await queue.add({ name: 'a', body: 1 }).catch((error) => error)
      console.log(error.code, error.effect, error.cause !== undefined, error.message)`
    const env = {
      HOME: scratch,
      GOOGLE_APPLICATION_CREDENTIALS: '',
      METADATA_SERVER_DETECTION: 'none',
    }
    const { status, stdout, stderr } = await node(script, env)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^ERR_SESSION_STORE none true .*application-default login/)
  })

  it('is in no declaration, and in no module that is loaded before its first use', () => {
    const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    const types = files.filter((file) => file.endsWith('.d.ts'))
    expect(types.length).toBeGreaterThan(20)
    for (const file of types) {
      expect(readFileSync(join(dist, file), 'utf8'), file).not.toMatch(
        /from '@google-cloud\/tasks|import\('@google-cloud\/tasks/,
      )
    }
    for (const file of files.filter((file) => file.endsWith('.js'))) {
      expect(readFileSync(join(dist, file), 'utf8'), file).not.toMatch(/from '@google-cloud\/tasks/)
    }
  })
})

describe('viur-session/testing', () => {
  it('does not load Google modules by itself', async () => {
    const script = `
      import { createRequire } from 'node:module'
      import './dist/testing/index.js'
      const { cache } = createRequire(import.meta.url)
      console.log(Object.keys(cache).filter((path) => path.includes('google')).length)`
    expect(await node(script)).toEqual({ status: 0, stdout: '0\n', stderr: '' })
  })
})

describe.skipIf(process.platform === 'win32')('emulator.sh --tasks', () => {
  const datastore = createServer((_, response) => response.end('Ok'))

  beforeAll(async () => {
    datastore.listen(0, '127.0.0.1')
    await once(datastore, 'listening')
  })

  afterAll(() => void datastore.close())

  const emulator = () => ({
    DATASTORE_EMULATOR_HOST: `127.0.0.1:${(datastore.address() as AddressInfo).port}`,
  })

  async function answers(host: string) {
    const [hostname, port] = host.split(':')
    const socket = connect(Number(port), hostname)
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  }

  it('gives the command a server, delivers to its app, and stops it afterwards', async () => {
    const script = `
      import { once } from 'node:events'
      import { createServer } from 'node:http'
      import { cloudTasks } from './dist/cloud-tasks/index.js'
      const app = createServer((req, res) => { res.end(); console.log(req.url) })
      await once(app.listen(process.env.PORT, '127.0.0.1'), 'listening')
      const queue = cloudTasks({ queue: 'q', target: { appEngine: { relativeUri: '/t' } } })
      const got = once(app, 'request')
      await queue.add({ name: 'a', body: 1 })
      await got
      await queue.close()
      app.close()
      console.log(process.env.CLOUD_TASKS_EMULATOR_HOST)
      process.exitCode = 7`
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as AddressInfo
    free.close()
    const { status, stdout, stderr } = await run(
      'bash',
      ['emulator.sh', '--tasks', '--', process.execPath, '--input-type=module', '-e', script],
      { ...emulator(), PORT: String(port) },
    )
    expect(stderr).toMatch(
      new RegExp(
        `Cloud Tasks server on 127\\.0\\.0\\.1:\\d+, for the app on http://127\\.0\\.0\\.1:${port}\n$`,
      ),
    )
    expect(status).toBe(7)
    const [path, host = ''] = stdout.split('\n')
    expect(path).toBe('/t')
    expect(host).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(await answers(host)).toBe(false)
    expect(readdirSync(join(scratch, '.emulator'))).toEqual([])
  })

  it.skipIf(process.platform !== 'linux')('stops the command when the server dies', async () => {
    const script = `
      const { CLOUD_TASKS_EMULATOR_HOST: host } = process.env
      const { execFileSync } = require('node:child_process')
      const parent = execFileSync('ps', ['-o', 'ppid=', '-p', String(process.pid)]).toString().trim()
      const servers = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', parent]).toString()
      const pid = Number(/(\\d+) node .*cloud-tasks-server/.exec(servers)[1])
      process.kill(pid, 'SIGKILL')
      setInterval(() => {}, 1000)`
    const { status, stderr } = await run(
      'bash',
      ['emulator.sh', '--tasks', '--', process.execPath, '-e', script],
      emulator(),
    )
    expect(stderr).toContain('the Cloud Tasks server has died, so the command is stopped')
    expect(status).toBe(1)
  })

  it('refuses to run in the background, and before the build', async () => {
    const background = await run('bash', ['emulator.sh', '--tasks', 'start'])
    expect(background).toMatchObject({ status: 2 })
    expect(background.stderr).toContain('--tasks goes with a COMMAND')
    // Outside of the scratch folder, so that no package is found by chance.
    const bare = mkdtempSync(join(tmpdir(), 'cloud-tasks-bare-'))
    onTestFinished(() => rmSync(bare, { recursive: true, force: true }))
    copyFileSync(join(root, 'emulator.sh'), join(bare, 'emulator.sh'))
    const tasks = () =>
      run('bash', [join(bare, 'emulator.sh'), '--tasks', '--', 'true'], emulator())
    const alone = await tasks()
    expect(alone).toMatchObject({ status: 3, stdout: '' })
    expect(alone.stderr).toContain('--tasks needs the package @viur-session/cloud-tasks-server')
    const server = join(bare, 'node_modules', '@viur-session', 'cloud-tasks-server')
    mkdirSync(server, { recursive: true })
    copyFileSync(
      join(root, 'src', 'cloud-tasks-server', 'package.json'),
      join(server, 'package.json'),
    )
    const unbuilt = await tasks()
    expect(unbuilt).toMatchObject({ status: 3, stdout: '' })
    expect(unbuilt.stderr).toContain('npm run build')
    expect(existsSync(join(bare, '.emulator'))).toBe(false)
  })
})
