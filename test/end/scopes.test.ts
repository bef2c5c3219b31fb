import { describe, expect, it } from 'vitest'
import { QueryIter, type SessionEntry, SessionValueError, type Sessions } from '../../src/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { place } from '../sweep/harness.ts'

type Data = Record<string, unknown>

const seen: Data[] = []

/** A promise of another library, which has only the method then(). */
const foreign = Object.defineProperty({}, ['th', 'en'].join(''), {
  value: (_: unknown, no: (error: Error) => void) => no(new Error('app')),
})

/** Moves the data that a shop stored in its scope. */
class MoveShop extends QueryIter<Data> {
  static override readonly id = 'MoveShop'

  override async handleEntry(entry: SessionEntry<Data>): Promise<void> {
    seen.push({ root: entry.data, shop: entry.scope('shop'), none: entry.scope('none') })
    await entry.update((data, scope) => {
      data['total'] = scope('shop')['cart']
      delete scope('shop')['cart']
      scope('admin')['moved'] = true
    })
  }
}

/** Stores a session of alice with data in the root and in two scopes, and returns its cookie. */
async function begin(sessions: Sessions<Data>): Promise<string> {
  const session = await sessions.open({ secure: true }).load()
  await session.login('alice')
  session.set('n', 1)
  session.scope('shop').set('cart', ['a', 'b'])
  session.scope('blog').set('draft', 'x')
  return ((await sessions.commit(session)).setCookie[0] as string).split(';')[0] as string
}

async function read(sessions: Sessions<Data>, cookie: string): Promise<Data> {
  const session = await sessions.open({ cookie, secure: true }).load()
  const scopes = ['shop', 'blog', 'admin'].map((name) => [
    name,
    Object.fromEntries(session.scope(name).entries()),
  ])
  return { root: Object.fromEntries(session.entries()), ...Object.fromEntries(scopes) }
}

describe.each(STORE_KINDS)('data in scopes on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('outside of a request', () => {
    it('is in the event of an end, also where the root holds nothing', async () => {
      const p = place(kind)
      const sessions = p.process()
      const cookie = await begin(sessions)
      const session = await sessions.open({ cookie, secure: true }).load()
      session.clear()
      await sessions.commit(session)
      await sessions.killSessionByUser('alice')
      expect(p.events).toHaveLength(1)
      const [event] = p.events
      expect(event?.data).toEqual({})
      expect(event?.scope('shop')).toEqual({ cart: ['a', 'b'] })
      expect(event?.scope('blog')).toEqual({ draft: 'x' })
      expect(event?.scope('none')).toEqual({})
      for (const name of ['__proto__', 'viur-session:old']) {
        expect(() => event?.scope(name)).toThrow(SessionValueError)
      }
    })

    it('is seen and changed by an iterator', async () => {
      const p = place(kind)
      const sessions = p.process({ iterators: [MoveShop] })
      const cookie = await begin(sessions)
      seen.length = 0
      await sessions.startIterOnQuery(MoveShop, { select: 'all' })
      expect(seen).toEqual([{ root: { n: 1 }, shop: { cart: ['a', 'b'] }, none: {} }])
      expect(await read(sessions, cookie)).toEqual({
        root: { n: 1, total: ['a', 'b'] },
        shop: {},
        blog: { draft: 'x' },
        admin: { moved: true },
      })
    })

    it('is changed by updateSessionsByUser, merging with a request under way', async () => {
      const p = place(kind)
      const sessions = p.process()
      const cookie = await begin(sessions)
      const other = p.process()
      const running = await other.open({ cookie, secure: true }).load()
      running.scope('shop').set('coupon', 'c')
      const change = (_: Data, scope: (name: string) => Data): void => {
        ;(scope('shop')['cart'] as string[]).push('c')
        scope('blog')['draft'] = undefined
      }
      expect(await sessions.updateSessionsByUser('alice', change)).toEqual({ changed: 1 })
      await other.commit(running)
      expect(await read(sessions, cookie)).toMatchObject({
        root: { n: 1 },
        shop: { cart: ['a', 'b', 'c'], coupon: 'c' },
        blog: {},
      })
    })
  })
})

describe('the function that changes sessions', () => {
  it('counts as a change only where a scope differs, and refuses names that no key can have', async () => {
    const sessions = place().process()
    await begin(sessions)
    const same = (_: Data, scope: (name: string) => Data): void => {
      scope('shop')['cart'] = ['a', 'b']
      scope('none')
    }
    expect(await sessions.updateSessionsByUser('alice', same)).toEqual({ changed: 0 })
    await expect(
      sessions.updateSessionsByUser('alice', (_, scope) => void scope('constructor')),
    ).rejects.toThrow(SessionValueError)
    await expect(
      sessions.updateSessionsByUser('alice', (_, scope) => {
        scope('shop')['f'] = () => {}
      }),
    ).rejects.toThrow(SessionValueError)
  })

  it.each([
    ['rejects', async () => await Promise.reject(new Error('app'))],
    ['is of another library', () => foreign],
  ])(
    'is refused when it is async and %s, and its failure ends no process',
    async (_what, change) => {
      const unhandled: unknown[] = []
      const note = (error: unknown): void => void unhandled.push(error)
      process.on('unhandledRejection', note)
      try {
        const sessions = place().process()
        await begin(sessions)
        await expect(sessions.updateSessionsByUser('alice', change as never)).rejects.toThrow(
          'async',
        )
        await new Promise((resolve) => setImmediate(resolve))
        expect(unhandled).toEqual([])
      } finally {
        process.off('unhandledRejection', note)
      }
    },
  )
})
