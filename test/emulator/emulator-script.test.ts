import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../emulator.sh', import.meta.url))

/** Runs the script as in a fresh shell, since the suite itself may run on an emulator. */
function run(args: string[], env: NodeJS.ProcessEnv = {}, whenUp?: (stop: () => void) => void) {
  const { DATASTORE_EMULATOR_HOST, DATASTORE_PROJECT_ID, GOOGLE_CLOUD_PROJECT, ...fresh } =
    process.env
  const child = spawn('bash', [script, ...args], {
    env: { ...fresh, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = { status: null as number | null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text
    whenUp?.(() => child.kill('SIGTERM'))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text
  })
  return new Promise<typeof ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ ...ended, status }))
  })
}

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

/** A folder for PATH with the programs that the script calls, but without gcloud, java and docker. */
async function bareTools() {
  const folder = await mkdtemp(join(tmpdir(), 'emulator-script-'))
  const places = (process.env.PATH ?? '').split(delimiter)
  for (const tool of 'bash cat curl date dirname grep mkdir readlink rm sleep tail tr'.split(' ')) {
    const place = places.find((candidate) => existsSync(join(candidate, tool)))
    if (place) await symlink(join(place, tool), join(folder, tool))
  }
  return folder
}

const onUnix = process.platform !== 'win32'
const programs = await Promise.all(
  [
    { title: 'emulator.sh', flags: [] },
    { title: 'emulator.sh --newer', flags: ['--newer'] },
  ].map(async (program) => ({
    ...program,
    installed: onUnix && (await run([...program.flags, 'true'])).status !== 3,
  })),
)

for (const { title, flags, installed } of programs) {
  describe.skipIf(!installed)(title, { timeout: 30_000 }, () => {
    it('passes arguments, environment and exit status through, then stops', async () => {
      const code = `
        const { DATASTORE_EMULATOR_HOST: host, ...env } = process.env
        fetch('http://' + host).then(async (response) => {
          console.log(JSON.stringify({
            args: process.argv.slice(1), host, answer: (await response.text()).trim(),
            projects: [env.DATASTORE_PROJECT_ID, env.GOOGLE_CLOUD_PROJECT],
            metadata: env.METADATA_SERVER_DETECTION,
          }))
          process.exitCode = 7
        })`
      const args = ['two words', '"quoted" $HOME *', '', '--newer']
      const { status, stdout, stderr } = await run([
        ...[...flags, '--', process.execPath, '-e', code, '--'],
        ...args,
      ])
      expect(stderr).toMatch(/^emulator\.sh: .+ on 127\.0\.0\.1:\d+, ready after \d+ ms\n$/)
      const seen = JSON.parse(stdout)
      expect(seen).toEqual({
        args,
        host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        answer: 'Ok',
        projects: ['viur-session-local', 'viur-session-local'],
        metadata: 'none',
      })
      expect(status).toBe(7)
      expect(await answers(seen.host)).toBe(false)
    })

    it('hands SIGTERM to the command, waits for it, and stops the emulator', async () => {
      const code = `
        process.on('SIGTERM', () => setTimeout(() => process.exit(9), 100))
        setInterval(() => {}, 1000)
        console.log(process.env.DATASTORE_EMULATOR_HOST)`
      const { status, stdout } = await run(
        [...flags, '--', process.execPath, '-e', code],
        { GOOGLE_CLOUD_PROJECT: 'mine' },
        (stop) => stop(),
      )
      expect(status).toBe(9)
      expect(stdout).toMatch(/^127\.0\.0\.1:\d+\n$/)
      expect(await answers(stdout.trim())).toBe(false)
    })
  })
}

/** A fake java for the start of an emulator: it answers with the list of indexes that it got. */
const JAVA = `
const { createServer } = require('node:http')
const { readFileSync } = require('node:fs')
const given = (name) => process.argv.find((arg) => arg.startsWith(name))?.slice(name.length)
createServer((_, response) => response.end(readFileSync(given('--index_file=')))).listen(
  given('--port='), '127.0.0.1', () => console.log('API endpoint: http://127.0.0.1:' + given('--port=')))`

describe.skipIf(!onUnix)('emulator.sh without an emulator', { timeout: 30_000 }, () => {
  it('gives the Datastore emulator a list of indexes, so that it does not derive one from all queries at each write', async () => {
    const home = await mkdtemp(join(tmpdir(), 'emulator-script-'))
    try {
      await mkdir(join(home, 'bin'))
      await writeFile(join(home, 'java.cjs'), JAVA)
      const java = `#!/bin/sh\n[ "$1" = -version ] || exec '${process.execPath}' '${home}/java.cjs' "$@"\n`
      await writeFile(join(home, 'bin/java'), java, { mode: 0o755 })
      const { status, stdout } = await run(
        ['--', 'bash', '-c', 'curl --noproxy "*" -s "http://$DATASTORE_EMULATOR_HOST/"'],
        { JAVA_HOME: home, DATASTORE_EMULATOR_JAR: join(home, 'java.cjs') },
      )
      // The emulator would extend a list that contains the word AUTOGENERATED.
      expect({ status, stdout }).toEqual({ status: 0, stdout: 'indexes:\n' })
    } finally {
      await rm(home, { recursive: true })
    }
  })

  it('names the missing programs, with exit status 3', async () => {
    const tools = await bareTools()
    try {
      const { status, stdout, stderr } = await run(['--', 'bash', '-c', 'echo has run'], {
        PATH: tools,
        JAVA_HOME: '',
        DATASTORE_EMULATOR_JAR: '',
      })
      expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
      expect(stderr).toContain('gcloud components install cloud-datastore-emulator')
      expect(stderr).toContain('google-cloud-cli-datastore-emulator')
      expect(stderr).toContain('Java')
    } finally {
      await rm(tools, { recursive: true })
    }
  })

  it('refuses a DATASTORE_EMULATOR_HOST where nothing answers', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    server.close()
    await once(server, 'close')
    const { status, stdout, stderr } = await run(['--', 'bash', '-c', 'echo has run'], {
      DATASTORE_EMULATOR_HOST: host,
    })
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain(`DATASTORE_EMULATOR_HOST is set to ${host}`)
  })
})
