import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { programOf } from '../../src/cli/program.ts'
import { ANSWERING } from './answers.ts'
import { ended, type ScratchApp, scratchApp } from './scratch-app.ts'

describe('the command viur-session', () => {
  let app: ScratchApp
  beforeAll(() => {
    app = scratchApp('127.0.0.1:1')
  })
  afterAll(() => app.remove())

  it('prints its commands', async () => {
    const [help, version, ofList] = await Promise.all([
      app.run(['--help']),
      app.run(['--version']),
      app.run(['list', '--help']),
    ])
    for (const { code, stderr } of [help, version, ofList]) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    }
    expect(help.stdout).toContain('rewrite')
    expect(ofList.stdout).toBe(helpOf('list'))
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+(?:-rc\.\d+)?\n$/)
  })

  /** Returns the help of a command, or of all, in this process. */
  function helpOf(name?: string): string {
    let text = ''
    const program = programOf('1.0.0', () => {})
    const shown = program.commands.find((one) => one.name() === name) ?? program
    shown.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
    return text
  }

  it('is executable after the build, without a package manager', async () => {
    const PATH = dirname(process.execPath)
    const { code, stderr } = await ended(spawn(app.command, ['--version'], { env: { PATH } }))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('loads the core of the package only when a command is called, and the contract only for it', () => {
    const command = loadedBy(app.command)
    expect(command.length).toBeGreaterThan(1)
    expect(command.filter((name) => /^(?:core|work|store-contract)-/.test(name))).toEqual([])
    const folder = join(dirname(app.command), 'parts')
    const [work = ''] = readdirSync(folder).filter((name) => /^work-.*\.js$/.test(name))
    const called = loadedBy(join(folder, work)).map((name) => name.replace(/-.*/, ''))
    expect(called).toContain('core')
    expect(called).not.toContain('store')
    // A part that waits for the command, which waits for the part, would never run.
    expect(called).not.toContain('cli.js')
  })

  /** Returns the names of a file and of all files of the package that Node loads with it. */
  function loadedBy(file: string, found = new Set<string>()): string[] {
    if (found.has(file)) return []
    found.add(file)
    const text = readFileSync(file, 'utf8')
    for (const [, target = ''] of text.matchAll(
      /^(?:import|export) (?:.* from )?"(\.[^"]+)";$/gm,
    )) {
      loadedBy(join(dirname(file), target), found)
    }
    return [...found].map((one) => basename(one))
  }

  it('shows an example of each command, all of which can answer JSON', () => {
    const names = [...helpOf().matchAll(/^ {2}([a-z]+) [[<]/gm)].map(([, name = '']) => name)
    const others = ['emulator', 'completion', 'help']
    const own = names.filter((name) => !others.includes(name))
    expect(own.length).toBeGreaterThan(13)
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
    const missing = names.filter((name) => !new RegExp(`^\\|.*\`${name}[ \`]`, 'm').test(page))
    expect(missing).toEqual(['help'])
    for (const name of own) {
      const text = helpOf(name)
      expect(text).toMatch(new RegExp(`For example:\n  npx viur-session ${name} `))
      expect(text).toContain('--json')
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

  it('shows how to write the module of sessions where it gets none', async () => {
    app.write('other.mjs', 'export const sessions = { listSessions() {} }\nexport default null\n')
    app.write('nothing.mjs', '')
    const wrong: [args: string[], says: string][] = [
      [[], '--sessions <file> is needed'],
      [['--sessions', 'no.mjs'], 'no.mjs does not exist'],
      [['--sessions', '.'], '. is a folder'],
      [['--sessions', 'other.mjs'], 'other.mjs exports no sessions'],
      [['--sessions', 'nothing.mjs'], 'nothing.mjs exports no sessions'],
    ]
    const said = await Promise.all(wrong.map(([args]) => app.run(['rewrite', ...args])))
    for (const [at, [, says]] of wrong.entries()) {
      expect(said[at]).toMatchObject({ code: 2, stdout: '' })
      expect(said[at]?.stderr).toContain(says)
      expect(said[at]?.stderr).toContain('export const sessions = createSessions({')
    }
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
    const [throws, lacks] = await Promise.all([
      app.run(['rewrite', '--sessions', 'throws.mjs']),
      app.run(['rewrite', '--sessions', 'lacks.mjs']),
    ])
    expect(throws).toEqual({ code: 1, stdout: '', stderr: 'error: no such secret\n' })
    expect(lacks.code).toBe(1)
    expect(lacks.stderr).toContain('lacking.mjs')
  })

  it('refuses sessions in the memory of another process', async () => {
    app.write(
      'memory.mjs',
      "import { createSessions } from 'viur-session'\nexport default createSessions()\n",
    )
    const commands = ['list', 'rewrite', 'status']
    const said = await Promise.all(
      commands.map((name) => app.run([name, '--sessions', 'memory.mjs'])),
    )
    const refused = {
      code: 2,
      stdout: '',
      stderr:
        'error: memory.mjs exports sessions that are kept in memory, where the command cannot reach the sessions of the app: set the option store, for example to datastoreStore()\n',
    }
    expect(said).toEqual(commands.map(() => refused))
  })

  it('shows errors in colour on a terminal, except with NO_COLOR', async () => {
    const args = ['rewrite', '--sessions', 'no.mjs']
    const [{ stdout }, plain] = await Promise.all([
      app.onTerminal(args),
      app.run(args, { TERM: 'xterm-256color' }),
    ])
    expect(stdout).toContain('\u001b[31merror: no.mjs does not exist')
    expect(plain.stderr).not.toContain('\u001b')
  })
})
