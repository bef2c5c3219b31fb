import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EACH_SHELL, installedShells, isMissing, named } from './shells.ts'

describe('completion', () => {
  const shells = installedShells()

  it('gives words with their descriptions', async () => {
    const { stdout } = await shells.app.run(['complete', '--', 'd'])
    expect(stdout).toMatch(/^doctor\t.+\n:4\n$/)
  })

  it('proposes commands, options and arguments, and nothing for a value', async () => {
    const lines: [words: string[], proposals: string[]][] = [
      [['s'], ['setup', 'show', 'stats', 'status', 'sweep']],
      [['kill', '--a'], ['--all']],
      [
        ['setup', ''],
        ['appengine', 'cloud-run', 'functions'],
      ],
      [
        ['events', 'o'],
        ['off', 'on'],
      ],
      [
        ['completion', ''],
        ['bash', 'fish', 'zsh'],
      ],
      [['kill', '--user', ''], []],
      [['show', ''], []],
      [['nonsense', 's'], []],
    ]
    const proposed = await Promise.all(lines.map(([words]) => shells.own(...words)))
    expect(proposed).toEqual(lines.map(([, proposals]) => proposals))
  })

  // A line of each kind; completion.slow.test.ts has the others.
  describe.each(EACH_SHELL)('in %s', (_name, shell) => {
    it.skipIf(isMissing(shell))('shows what the command proposes', async () => {
      const lines = [[''], ['list', '--user', 'alice', '--json', '--'], ['kill', '--user', '']]
      for (const words of lines) {
        const line = ['viur-session', ...words].join(' ')
        expect(shells.proposed(shell, line)).toEqual(await shells.own(...words))
      }
      expect((await shells.own('')).length).toBeGreaterThan(13)
      const file = shells.proposed(shell, 'viur-session import --merge sess')
      expect(file).toEqual(['sessions.mjs', 'sessions.ndjson'])
    })
  })

  it.skipIf(isMissing('bash'))('takes the words into which bash splits --option=value', () => {
    const words = ['viur-session', 'list', '--sessions', '=', 'sessions.m']
    expect(shells.proposed('bash', 'viur-session list --sessions=sessions.m', words)).toEqual([
      'sessions.mjs',
    ])
    const empty = words.slice(0, 4)
    expect(shells.proposed('bash', 'viur-session list --sessions=', empty)).toContain('some files')
  })

  it.skipIf(isMissing('bash'))('evaluates nothing that the user typed in bash', () => {
    const words = ['viur-session', 'kill', '$(touch evil)', 's']
    expect(shells.proposed('bash', words.join(' '), words)).toEqual([])
    expect(shells.proposed('bash', 'viur-session list --sessions ev')).toEqual([])
  })

  it.skipIf(isMissing('zsh')).each(['kill --user$(>evil)=', 'list --file=$(>evil)x='])(
    `evaluates nothing that the user typed in ${named('zsh')}: %s`,
    (words) => {
      expect(shells.proposed('zsh', `viur-session ${words}`)).toEqual([])
      expect(existsSync(shells.app.path('evil'))).toBe(false)
    },
  )

  it.skipIf(isMissing('zsh'))(`proposes the files of --option=value in ${named('zsh')}`, () => {
    const line = 'viur-session list --sessions=sessions.m'
    expect(shells.proposed('zsh', line)).toEqual(['sessions.mjs'])
  })
})
