import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ANSWERING } from './answers.ts'
import { ended, type ScratchApp, scratchApp } from './scratch-app.ts'

describe('the command viur-session', () => {
  let app: ScratchApp
  beforeAll(() => {
    app = scratchApp('127.0.0.1:1')
  })
  afterAll(() => app.remove())

  it('prints its commands', async () => {
    const { code, stdout, stderr } = await app.run(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('rewrite')
    expect((await app.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+(?:-rc\.\d+)?\n$/)
  })

  it('is executable after the build, without a package manager', async () => {
    const PATH = dirname(process.execPath)
    const { code, stderr } = await ended(spawn(app.command, ['--version'], { env: { PATH } }))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('shows an example of each command, all of which can answer JSON', async () => {
    const { stdout: all } = await app.run(['--help'])
    const names = [...all.matchAll(/^ {2}([a-z]+) [[<]/gm)].map(([, name = '']) => name)
    const others = ['emulator', 'completion', 'help']
    const own = names.filter((name) => !others.includes(name))
    expect(own.length).toBeGreaterThan(13)
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
    const missing = names.filter((name) => !new RegExp(`^\\|.*\`${name}[ \`]`, 'm').test(page))
    expect(missing).toEqual(['help'])
    for (const name of own) {
      const { code, stdout } = await app.run([name, '--help'])
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`For example:\n  npx viur-session ${name} `))
      expect(stdout).toContain('--json')
      expect(ANSWERING).toContain(name)
    }
  })

  it.each([
    [['rewrit'], "error: unknown command 'rewrit'\n(Did you mean rewrite?)\n"],
    [['rewrite', '--jsn'], "error: unknown option '--jsn'\n(Did you mean --json?)\n"],
  ])('names the nearest for %j', async (args, stderr) => {
    expect(await app.run(args)).toEqual({ code: 2, stdout: '', stderr })
  })

  it('refuses unknown arguments', async () => {
    const { code, stderr } = await app.run(['rewrite', 'all', '--sessions', 'x.mjs'])
    expect(code).toBe(2)
    expect(stderr).toContain('too many arguments')
  })

  it('shows its commands when none is named', async () => {
    const { code, stdout, stderr } = await app.run([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: viur-session')
  })

  it.each([
    { name: 'none', args: [], says: '--sessions <file> is needed' },
    {
      name: 'a file that is not there',
      args: ['--sessions', 'no.mjs'],
      says: 'no.mjs does not exist',
    },
    { name: 'a folder', args: ['--sessions', '.'], says: '. is a folder' },
    {
      name: 'other exports',
      args: ['--sessions', 'other.mjs'],
      says: 'other.mjs exports no sessions',
    },
    {
      name: 'nothing',
      args: ['--sessions', 'nothing.mjs'],
      says: 'nothing.mjs exports no sessions',
    },
  ])('shows how to write the module of sessions where it gets $name', async ({ args, says }) => {
    app.write('other.mjs', 'export const sessions = { listSessions() {} }\nexport default null\n')
    app.write('nothing.mjs', '')
    const { code, stdout, stderr } = await app.run(['rewrite', ...args])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(says)
    expect(stderr).toContain('export const sessions = createSessions({')
  })

  it('says that sessions in cookies are not on the server', async () => {
    app.write(
      'cookies.mjs',
      `import { randomBytes } from 'node:crypto'
import { createCookieSessions } from 'viur-session/cookie-sessions'
export default createCookieSessions({ keys: [{ id: 'k', key: randomBytes(32) }] })\n`,
    )
    const { code, stderr } = await app.run(['rewrite', '--sessions', 'cookies.mjs'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'error: cookies.mjs exports sessions that are kept in cookies: no session is stored on a server\n',
    })
  })

  it('prints the error that the sessions module throws, and the import that it misses', async () => {
    app.write('throws.mjs', "throw new Error('no such secret')\n")
    app.write('lacks.mjs', "import './lacking.mjs'\n")
    const throws = await app.run(['rewrite', '--sessions', 'throws.mjs'])
    expect(throws).toEqual({ code: 1, stdout: '', stderr: 'error: no such secret\n' })
    const lacks = await app.run(['rewrite', '--sessions', 'lacks.mjs'])
    expect(lacks.code).toBe(1)
    expect(lacks.stderr).toContain('lacking.mjs')
  })

  it.each(['list', 'rewrite', 'status'])(
    'refuses sessions in the memory of another process: %s',
    async (name) => {
      app.write(
        'memory.mjs',
        "import { createSessions } from 'viur-session'\nexport default createSessions()\n",
      )
      const { code, stdout, stderr } = await app.run([name, '--sessions', 'memory.mjs'])
      expect({ code, stdout, stderr }).toEqual({
        code: 2,
        stdout: '',
        stderr:
          'error: memory.mjs exports sessions that are kept in memory, where the command cannot reach the sessions of the app: set the option store, for example to datastoreStore()\n',
      })
    },
  )

  it('shows errors in colour on a terminal, except with NO_COLOR', async () => {
    const { stdout } = await app.onTerminal(['rewrite', '--sessions', 'no.mjs'])
    expect(stdout).toContain('\u001b[31merror: no.mjs does not exist')
    const plain = await app.run(['rewrite', '--sessions', 'no.mjs'], { TERM: 'xterm-256color' })
    expect(plain.stderr).not.toContain('\u001b')
  })
})
