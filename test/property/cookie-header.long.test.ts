import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Harness, idOf, NAME } from '../request/harness.ts'

const LIVE = 'live-session-goes-here'

const id = fc.string({
  unit: fc.constantFrom(...'ABCdef019-_'),
  minLength: 43,
  maxLength: 43,
})
const junk = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '%00', 'j:{}', 's:a.b', '='),
)
const spaces = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 2 })
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constant(NAME) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'viur-session',
      NAME.toLowerCase(),
      `%5F${NAME.slice(1)}`,
      '__proto__',
      '',
    ),
  },
  { weight: 2, arbitrary: fc.string() },
)
const pair = fc
  .tuple(spaces, name, spaces, spaces, fc.oneof(id, junk, fc.constant(LIVE)), spaces)
  .map((parts) => {
    const [a, n, b, c, value, d] = parts
    return `${a}${n}${b}=${c}${value}${d}`
  })
const header = fc.oneof(
  fc
    .array(fc.oneof({ weight: 4, arbitrary: pair }, { weight: 1, arbitrary: junk }), {
      maxLength: 6,
    })
    .map((p) => p.join(';')),
  junk,
)

/** The ids in the header, found by a parser of RFC 6265bis that shares no code with ours. */
function idsIn(text: string): Set<string> {
  const found = new Set<string>()
  for (const part of text.split(';')) {
    const match = /^[ \t]*([^=]*?)[ \t]*=([\s\S]*)$/.exec(part)
    const value = match?.[2]?.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')
    if (
      match?.[1] === NAME &&
      value !== undefined &&
      /^[\w-]{43}$/.test(value) &&
      !value.includes('\n')
    )
      found.add(value)
  }
  return found
}

describe('for any Cookie header', () => {
  it('nothing throws, nothing is written, and only one well-formed value is looked up', async () => {
    await fc.assert(
      fc.asyncProperty(header, async (template) => {
        const app = new Harness()
        const live = idOf(await app.given())
        const cookie = template.replaceAll(LIVE, live)
        const ids = idsIn(cookie)
        const { session, setCookie } = await app.visit((s) => [s.get('views'), s.user, [...s]], {
          cookie,
        })
        expect([app.store.finds, app.store.writes]).toEqual([ids.size === 1 ? 1 : 0, 0])
        expect(session.loadOutcome === 'live').toBe(ids.size === 1 && ids.has(live))
        expect(setCookie).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('a session that is stored gets a new id', async () => {
    await fc.assert(
      fc.asyncProperty(header, async (cookie) => {
        const app = new Harness()
        const next = await app.visit((s) => s.set('a', 1), { cookie })
        expect(cookie).not.toContain(idOf(next.cookie as string))
        expect(await app.data(next.cookie)).toEqual({ a: 1 })
      }),
      { numRuns: 200 },
    )
  })

  it('signed cookies cost no lookup unless we signed them', async () => {
    await fc.assert(
      fc.asyncProperty(header, async (cookie) => {
        const app = new Harness({ cookie: { secrets: ['0123456789abcdefghijklmnopqrstuv'] } })
        await app.visit((s) => s.get('a'), { cookie })
        expect(app.store.calls).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})
