import { describe, expect, it } from 'vitest'
import { sessionsOf } from '../../src/cli/choose-sessions.ts'
import { UsageError } from '../../src/cli/exit.ts'

describe('the choice of sessions', () => {
  it.each([
    [{ sessions: 'sessions.mjs', project: 'shop' }, '--sessions goes without --project'],
    [{ file: 'sessions.db', kind: 'x' }, '--file goes without --kind'],
    [{ file: 'no.db' }, 'there is no file no.db'],
    [{}, '--sessions <file> is needed'],
  ])('refuses two places, a missing one and none: %j', async (choice, says) => {
    const error = await sessionsOf(choice, {}).catch((refused: unknown) => refused)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toContain(says)
  })
})
