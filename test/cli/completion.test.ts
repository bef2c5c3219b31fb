import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { delimiter } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ScratchApp, scratchApp } from './scratch-app.ts'

/** Sources the script twice, calls the registered function as bash does after TAB, and prints the proposals. */
const BASH = String.raw`
for time in 1 2; do source completion.bash; done
[[ $(complete -p viur-session) =~ -F\ ([^ ]+) ]]
COMP_LINE=$LINE COMP_POINT=${'$'}{#LINE}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"${'$'}{BASH_REMATCH[1]}"
printf '%s\n' "${'$'}{COMPREPLY[@]}"
`

/** Start-up file of an interactive zsh: completes the line at the first prompt, writes the proposals to a file, exits. */
const ZSHRC = String.raw`
autoload -U compinit
compinit -u -D
source completion.zsh
compadd() {
  local -a hits
  # A call that only fills an array proposes nothing.
  if [[ ${'$'}{@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A hits "$@"
  (( ${'$'}{#hits} == 0 )) || print -rl -- $hits >> proposed
  builtin compadd "$@"
}
zle-line-init() {
  BUFFER=$LINE CURSOR=${'$'}{#LINE}
  zle list-choices
  exit
}
zle -N zle-line-init
`

// The start-up files of the system are left out: they may ask about the owners of folders.
const ZSH =
  'zmodload zsh/zpty; zpty shell zsh -d -i; while zpty -r shell said; do :; done; cat proposed'

const FISH = 'source completion.fish; complete -C "$LINE"'

const SHELLS = {
  bash: ['bash', '--noprofile', '--norc', '-c', BASH, 'bash'],
  zsh: ['zsh', '-f', '-c', ZSH],
  fish: ['fish', '--no-config', '-c', FISH],
} as const

type Shell = keyof typeof SHELLS

const isMissing = (shell: Shell): boolean => spawnSync(shell, ['-c', 'true']).error !== undefined

/** A shell, with the words by which the end of a run names what it left out, see test/setup/left-out.ts. */
const named = (shell: Shell): string =>
  isMissing(shell) ? `${shell} (not installed: ${shell})` : shell

describe('completion', () => {
  let app: ScratchApp
  beforeAll(async () => {
    // Completion asks no store.
    app = scratchApp('127.0.0.1:1')
    chmodSync(app.command, 0o755)
    mkdirSync(app.path('bin'))
    symlinkSync(app.command, app.path('bin/viur-session'))
    mkdirSync(app.path('some files'))
    for (const name of ['sessions.mjs', 'sessions.ndjson', 'some files/x.mjs']) app.write(name, '')
    app.write('.zshrc', ZSHRC)
    for (const shell of Object.keys(SHELLS)) {
      const { stdout, stderr, code } = await app.run(['completion', shell])
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
      app.write(`completion.${shell}`, stdout)
    }
    app.write('proposed', '')
  })
  afterAll(() => app.remove())

  /** The words that the command proposes for the last of these. */
  async function own(...words: string[]): Promise<string[]> {
    const line = words.join(' ')
    const known = owned.get(line) ?? (await ask(words))
    owned.set(line, known)
    return known
  }
  const owned = new Map<string, string[]>()

  async function ask(words: readonly string[]): Promise<string[]> {
    const { stdout, stderr, code } = await app.run(['complete', '--', ...words])
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    return sorted(stdout.split('\n').filter((line) => !/^:\d+$/.test(line)))
  }

  /** The words that a shell proposes for a line. `words`: those of the line as bash splits it. */
  function proposed(shell: Shell, line: string, words = line.split(' ')): string[] {
    const [program, ...args] = SHELLS[shell]
    const { stdout, stderr, status } = spawnSync(program, [...args, ...words], {
      cwd: app.path('.'),
      // A shell that waits for input would block this process for ever.
      timeout: 100_000,
      encoding: 'utf8',
      env: {
        PATH: [app.path('bin'), process.env['PATH']].join(delimiter),
        HOME: app.path('.'),
        ZDOTDIR: app.path('.'),
        TERM: 'xterm',
        LANG: 'C.UTF-8',
        LINE: line,
      },
    })
    app.write('proposed', '')
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    return sorted(stdout.split('\n'))
  }

  const sorted = (lines: string[]): string[] =>
    [...new Set(lines.map((line) => line.split('\t')[0] as string))].filter(Boolean).sort()

  it('gives words with their descriptions', async () => {
    const { stdout } = await app.run(['complete', '--', 'd'])
    expect(stdout).toMatch(/^doctor\t.+\n:4\n$/)
  })

  const shells = (Object.keys(SHELLS) as Shell[]).map((shell) => [named(shell), shell] as const)
  describe.each(shells)('in %s', (_name, shell) => {
    it.skipIf(isMissing(shell)).each([
      ['all commands', ['']],
      ['the commands that begin so', ['s']],
      ['the options of a command', ['kill', '--']],
      ['the options that begin so', ['kill', '--a']],
      ['the options after others', ['list', '--user', 'alice', '--json', '--']],
      ['the platforms', ['setup', '']],
      ['the two states', ['events', 'o']],
      ['the shells', ['completion', '']],
    ])('proposes %s', async (_, words) => {
      const wanted = await own(...words)
      expect(wanted.length).toBeGreaterThan(0)
      expect(proposed(shell, ['viur-session', ...words].join(' '))).toEqual(wanted)
    })

    it.skipIf(isMissing(shell)).each([
      ['a user', ['kill', '--user', '']],
      ['a key', ['show', '']],
      ['an unknown command', ['nonsense', 's']],
    ])('proposes nothing for %s', async (_, words) => {
      expect(await own(...words)).toEqual([])
      expect(proposed(shell, ['viur-session', ...words].join(' '))).toEqual([])
    })

    it.skipIf(isMissing(shell)).each([
      ['the module of an app', ['list', '--sessions', 'sess']],
      ['a file of SQLite', ['status', '--file', 'sess']],
      ['a file to import', ['import', '--merge', 'sess']],
    ])('proposes files for %s', (_, words) => {
      const line = ['viur-session', ...words].join(' ')
      expect(proposed(shell, line)).toEqual(['sessions.mjs', 'sessions.ndjson'])
    })
  })

  it.skipIf(isMissing('bash'))('takes the words into which bash splits --option=value', () => {
    const words = ['viur-session', 'list', '--sessions', '=', 'sessions.m']
    expect(proposed('bash', 'viur-session list --sessions=sessions.m', words)).toEqual([
      'sessions.mjs',
    ])
    const empty = words.slice(0, 4)
    expect(proposed('bash', 'viur-session list --sessions=', empty)).toContain('some files')
  })

  it.skipIf(isMissing('bash'))('evaluates nothing that the user typed in bash', () => {
    const words = ['viur-session', 'kill', '$(touch evil)', 's']
    expect(proposed('bash', words.join(' '), words)).toEqual([])
    expect(proposed('bash', 'viur-session list --sessions ev')).toEqual([])
  })

  it.skipIf(isMissing('zsh')).each(['kill --user$(>evil)=', 'list --file=$(>evil)x='])(
    `evaluates nothing that the user typed in ${named('zsh')}: %s`,
    (words) => {
      expect(proposed('zsh', `viur-session ${words}`)).toEqual([])
      expect(existsSync(app.path('evil'))).toBe(false)
    },
  )

  it.skipIf(isMissing('zsh'))(`proposes the files of --option=value in ${named('zsh')}`, () => {
    const line = 'viur-session list --sessions=sessions.m'
    expect(proposed('zsh', line)).toEqual(['sessions.mjs'])
  })
})
