import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { delimiter } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
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

/** Whether a shell is not installed. */
export const isMissing = (shell: Shell): boolean =>
  spawnSync(shell, ['-c', 'true']).error !== undefined

/** A shell, with the words by which the end of a run names what it left out, see test/setup/left-out.ts. */
export const named = (shell: Shell): string =>
  isMissing(shell) ? `${shell} (not installed: ${shell})` : shell

/** Shells that complete the lines of a user, in the folder of an app. */
interface Shells {
  readonly app: ScratchApp
  /** The words that the command proposes for the last of these. */
  own(...words: string[]): Promise<string[]>
  /** The words that a shell proposes for a line. `words`: those of the line as bash splits it. */
  proposed(shell: Shell, line: string, words?: readonly string[]): string[]
}

/** The shells for the tests of a `describe()`. They are set up before its first test, and removed after its last one. */
export function installedShells(): Shells {
  const shells = {} as Shells
  beforeAll(async () => {
    Object.assign(shells, await shellsWithCompletion())
  })
  afterAll(() => shells.app.remove())
  return shells
}

/** Every shell, with its name for a test. */
export const EACH_SHELL: readonly (readonly [name: string, shell: Shell])[] = (
  ['bash', 'zsh', 'fish'] as const
).map((shell) => [named(shell), shell])

async function shellsWithCompletion(): Promise<Shells> {
  // Completion asks no store.
  const app = scratchApp('127.0.0.1:1')
  mkdirSync(app.path('bin'))
  symlinkSync(app.command, app.path('bin/viur-session'))
  mkdirSync(app.path('some files'))
  for (const name of ['sessions.mjs', 'sessions.ndjson', 'some files/x.mjs']) app.write(name, '')
  app.write('.zshrc', ZSHRC)
  await Promise.all(
    Object.keys(SHELLS).map(async (shell) => {
      const { stdout, stderr, code } = await app.run(['completion', shell])
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
      app.write(`completion.${shell}`, stdout)
    }),
  )
  app.write('proposed', '')
  const owned = new Map<string, string[]>()
  return {
    app,
    async own(...words) {
      const line = words.join(' ')
      const known = owned.get(line)
      if (known !== undefined) return known
      const { stdout, stderr, code } = await app.run(['complete', '--', ...words])
      expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
      const proposals = sorted(stdout.split('\n').filter((one) => !/^:\d+$/.test(one)))
      owned.set(line, proposals)
      return proposals
    },
    proposed(shell, line, words = line.split(' ')) {
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
    },
  }
}

function sorted(lines: readonly string[]): string[] {
  return [...new Set(lines.map((line) => line.split('\t')[0] as string))].filter(Boolean).sort()
}
