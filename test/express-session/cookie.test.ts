import { describe, expect, it } from 'vitest'
import { readCookie, restoreCookie } from '../../src/express-session/cookie.ts'
import type { SessionRecord } from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'

const NOW = Date.UTC(2030, 0, 1)
const HOUR = 60 * 60 * 1000

/** Both clocks show the same time. */
const AT_ONCE = { now: NOW, real: NOW }

function cookie(expires: unknown, originalMaxAge: unknown = HOUR): Record<string, unknown> {
  return { originalMaxAge, expires, path: '/' }
}

describe('the times of a cookie', () => {
  it('are an idle limit, and a use at expires minus maxAge', () => {
    expect(readCookie(cookie(new Date(NOW + HOUR - 5)), AT_ONCE)).toMatchObject({
      expiry: { kind: 'idle', duration: HOUR },
      seen: NOW - 5,
    })
  })

  it('are the same with the date as a text or as a number, from any class', () => {
    const expected = readCookie(cookie(new Date(NOW + HOUR)), AT_ONCE)
    for (const expires of [new Date(NOW + HOUR).toISOString(), NOW + HOUR]) {
      expect(readCookie(cookie(expires), AT_ONCE)).toMatchObject({
        text: expected.text,
        expiry: expected.expiry,
        seen: expected.seen,
      })
    }
    const instance = { toJSON: () => cookie(new Date(NOW + HOUR)) }
    expect(readCookie(instance, AT_ONCE).text).toBe(expected.text)
  })

  it('leave the same text at any time, so that a renewal is not a change of the cookie', () => {
    const later = { now: NOW + HOUR / 2, real: NOW + HOUR / 2 }
    const [first, second] = [
      readCookie(cookie(new Date(NOW + HOUR)), AT_ONCE),
      readCookie(cookie(new Date(NOW + HOUR * 1.5)), later),
    ]
    expect(second.text).toBe(first.text)
    expect(second.expiry).toEqual(first.expiry)
  })

  it('work with the clock of a test, which may differ by years from that of the process', () => {
    const apart = { now: NOW, real: Date.UTC(2026, 5, 1) }
    expect(readCookie(cookie(new Date(apart.real + HOUR)), apart)).toMatchObject({
      expiry: { kind: 'idle', duration: HOUR },
      seen: NOW,
    })
  })

  it('are an idle limit too when the last use was in a process whose clock is ahead', () => {
    expect(readCookie(cookie(new Date(NOW + HOUR + 3000)), AT_ONCE)).toMatchObject({
      expiry: { kind: 'idle', duration: HOUR },
      seen: NOW + 3000,
    })
  })

  it.each([
    [
      'an expiry that is further ahead than maxAge',
      cookie(new Date(NOW + 3 * HOUR)),
      NOW + 3 * HOUR,
    ],
    ['no originalMaxAge', { path: '/', expires: new Date(NOW + 1) }, NOW + 1],
    ['a negative one, as setting a past date gives', cookie(new Date(NOW - 7), -7), NOW - 7],
    ['one that is no whole number', cookie(new Date(NOW + 7), 7.5), NOW + 7],
    ['a date before 1970', cookie(new Date(-5), null), 0],
    ['a date beyond what Datastore has', cookie(new Date(8e15), null), Date.UTC(9999, 11, 31)],
  ])('is a fixed date with %s', (_what, value, at) => {
    expect(readCookie(value, AT_ONCE)).toMatchObject({ expiry: { kind: 'fixed', at }, seen: NOW })
  })

  it.each([[null], [undefined], [false], [new Date(Number.NaN)], ['soon'], [{}]])(
    'mean the end of the browser with %s as the date',
    (expires) => {
      expect(readCookie(cookie(expires, null), AT_ONCE)).toMatchObject({
        expiry: { kind: 'browser' },
        seen: NOW,
      })
    },
  )

  it('are empty without a cookie', () => {
    for (const none of [undefined, null]) {
      expect(readCookie(none, AT_ONCE)).toEqual({ text: null, expiry: null, seen: NOW })
    }
  })
})

describe('a restored cookie', () => {
  function roundTrip(value: Record<string, unknown>, later = AT_ONCE): unknown {
    const { text, expiry, seen } = readCookie(value, AT_ONCE)
    const idle = expiry?.kind === 'idle' ? expiry.duration : 0
    const record = { ...sampleRecord(), expiry, lastSeen: seen, expires: seen + idle }
    return restoreCookie(text as string, record as SessionRecord, later)
  }

  it('has the times that it had', () => {
    for (const value of [
      cookie(new Date(NOW + HOUR - 5)),
      cookie(new Date(NOW + 3 * HOUR)),
      cookie(new Date(NOW - 7), -7),
      cookie(null, null),
      { path: '/', httpOnly: false, sameSite: 'lax', expires: null, originalMaxAge: null },
    ]) {
      expect(roundTrip(value)).toEqual(value)
    }
  })

  it('has them by the clock of the process', () => {
    const apart = { now: NOW, real: NOW - 1000 }
    expect(roundTrip(cookie(new Date(NOW + HOUR)), apart)).toEqual(
      cookie(new Date(NOW + HOUR - 1000)),
    )
  })
})
