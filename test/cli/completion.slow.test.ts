import { describe, expect, it } from 'vitest'
import { EACH_SHELL, installedShells, isMissing } from './shells.ts'

/** Every kind of line in every shell. completion.test.ts has one line of each kind. */
describe('completion', () => {
  const shells = installedShells()

  describe.each(EACH_SHELL)('in %s', (_name, shell) => {
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
      const wanted = await shells.own(...words)
      expect(wanted.length).toBeGreaterThan(0)
      expect(shells.proposed(shell, ['viur-session', ...words].join(' '))).toEqual(wanted)
    })

    it.skipIf(isMissing(shell)).each([
      ['a user', ['kill', '--user', '']],
      ['a key', ['show', '']],
      ['an unknown command', ['nonsense', 's']],
    ])('proposes nothing for %s', async (_, words) => {
      expect(await shells.own(...words)).toEqual([])
      expect(shells.proposed(shell, ['viur-session', ...words].join(' '))).toEqual([])
    })

    it.skipIf(isMissing(shell)).each([
      ['the module of an app', ['list', '--sessions', 'sess']],
      ['a file of SQLite', ['status', '--file', 'sess']],
      ['a file to import', ['import', '--merge', 'sess']],
    ])('proposes files for %s', (_, words) => {
      const line = ['viur-session', ...words].join(' ')
      expect(shells.proposed(shell, line)).toEqual(['sessions.mjs', 'sessions.ndjson'])
    })
  })
})
