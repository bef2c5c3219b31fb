import { describe, expect, it } from 'vitest'
import { Harness, idOf, keyOfCookie, NAME } from '../request/harness.ts'
import { COOKIE_HEADERS, type HeaderCase, type Ids } from './cookie-headers.ts'

async function site(secrets?: string[]): Promise<[Harness, Ids]> {
  const app = new Harness(secrets === undefined ? {} : { cookie: { secrets } })
  const cookie = await app.given({ views: 1 })
  const other = await app.given({ views: 2 })
  return [app, { id: idOf(cookie), other: idOf(other), key: keyOfCookie(cookie) }]
}

describe('a Cookie header of', () => {
  it.each(Object.entries(COOKIE_HEADERS))('%s', async (_, { header, outcome }: HeaderCase) => {
    const [app, ids] = await site()
    const { session, setCookie } = await app.visit((s) => s.get('views'), { cookie: header(ids) })
    expect(session.loadOutcome).toBe(outcome)
    expect(session.get('views')).toBe(outcome === 'live' ? 1 : undefined)
    expect([app.store.finds, app.store.writes]).toEqual([
      outcome === 'live' || outcome === 'unknown' ? 1 : 0,
      0,
    ])
    expect(setCookie).toEqual([])
  })

  it.each(Object.entries(COOKIE_HEADERS))(
    '%s, which cannot plant an id',
    async (_, { header }: HeaderCase) => {
      const [app, ids] = await site()
      const sent = header(ids)
      const { cookie } = await app.visit((s) => s.login('alice'), { cookie: sent })
      const [planted] = Object.values(ids)
      expect(idOf(cookie as string)).not.toBe(planted)
      expect(sent ?? '').not.toContain(idOf(cookie as string))
      expect((await app.load(cookie)).user).toBe('alice')
    },
  )

  it.each(Object.entries(COOKIE_HEADERS))(
    '%s, where cookies are signed',
    async (_, { header }: HeaderCase) => {
      const [app, ids] = await site(['0123456789abcdefghijklmnopqrstuv'])
      const { setCookie } = await app.visit((s) => s.get('views'), { cookie: header(ids) })
      expect([app.store.calls, setCookie]).toEqual([[], []])
    },
  )

  it.each([
    ['a name of others', `a${' '.repeat(2 ** 20)}b=1; `, ''],
    ['a value of others', `a=b${'\t'.repeat(2 ** 20)}c; `, ''],
    ['a second value of ours', '', `; ${NAME}=b${' '.repeat(2 ** 20)}c`],
  ])('1 MB of blanks inside %s, and is read in linear time', async (_, before, after) => {
    // Quadratic time would take minutes here, and exceed the limit of the test.
    const [app, { id }] = await site()
    expect((await app.load(`${before}${NAME}=${id}${after}`)).loadOutcome).toBe('live')
  })

  it('no header means no session', async () => {
    const session = new Harness().sessions.open({ cookie: null as never, secure: true })
    expect((await session.load()).loadOutcome).toBe('none')
  })

  it.each([5, {}, ['a=1'], Symbol('x'), true])(
    'a value that is not a text is refused: %s',
    (cookie) => {
      const { sessions } = new Harness()
      expect(() => sessions.open({ cookie: cookie as never, secure: true })).toThrow(
        'cookie must be the raw Cookie header as text',
      )
    },
  )
})
