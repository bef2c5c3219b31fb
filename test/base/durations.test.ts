import { describe, expect, it } from 'vitest'
import { createSessions, localTasks, SessionConfigError } from '../../src/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'

function told(options: Parameters<typeof createSessions>[0] = {}) {
  const warnings: string[] = []
  const sessions = createSessions({
    ...options,
    logger: { warn: (message) => void warnings.push(message) },
  })
  return { sessions, warnings }
}

describe('a duration', () => {
  it.each(['3600', '0', ' 60 ', '1.5', '1e3', '.5', ''])('of the text %j is refused', (text) => {
    expect(() => createSessions({ lifetime: text })).toThrow(SessionConfigError)
    expect(() => createSessions({ lifetime: text })).toThrow(/lifetime .* with a unit/)
    expect(() => createSessions({ absoluteLifetime: text })).toThrow(/absoluteLifetime/)
    expect(() => createSessions({ touchEvery: text })).toThrow(/touchEvery/)
    expect(() => datastoreStore({ deadline: text })).toThrow(/deadline/)
    expect(() => localTasks({ minBackoff: text })).toThrow(/minBackoff/)
  })

  it.each(['3600s', '1h', '1 h', '1.5h', '90 minutes', '1H'])('can be the text %j', (text) => {
    expect(() => createSessions({ lifetime: text })).not.toThrow()
  })

  it('of one session is refused without a unit, and nothing changes', async () => {
    const session = await createSessions().open({ secure: true }).load()
    const before = session.expiryAge()
    expect(() => session.setExpiry('3600')).toThrow(/setExpiry\(\) needs a duration/)
    expect(() => session.isFresh('600')).toThrow(/isFresh\(\) needs a duration/)
    expect(() => session.setExpiry('0')).toThrow(/setExpiry\(\) needs a duration/)
    expect(Math.abs(session.expiryAge() - before)).toBeLessThan(60_000)
  })
})

describe('a lifetime', () => {
  it.each([3600, 30, 59_999, '30s'])(
    'of %j warns once that durations are milliseconds',
    (lifetime) => {
      const { warnings } = told({ lifetime })
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatch(/durations are milliseconds/)
    },
  )

  it.each([60_000, '1m', 3_600_000])('of %j is accepted without a warning', (lifetime) => {
    expect(told({ lifetime }).warnings).toEqual([])
  })
})

describe('a number of seconds', () => {
  it('given to setExpiry() warns once for all sessions', async () => {
    const { sessions, warnings } = told()
    for (let n = 0; n < 3; n++) (await sessions.open({ secure: true }).load()).setExpiry(3600)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(
      /setExpiry\(\) was given the number 3600: durations are milliseconds/,
    )
  })

  it('given to isFresh() and getSecurityKey() warns', async () => {
    const { sessions, warnings } = told()
    const session = await sessions.open({ secure: true }).load()
    await session.login('alice')
    session.isFresh(600)
    await session.getSecurityKey({ duration: 900 })
    expect(warnings).toEqual([
      expect.stringContaining('isFresh()'),
      expect.stringContaining('getSecurityKey()'),
    ])
  })

  it.each([60_000, '30s', 0])('is not suspected in %j', async (value) => {
    const { sessions, warnings } = told()
    ;(await sessions.open({ secure: true }).load()).setExpiry(value)
    expect(warnings).toEqual([])
  })
})
