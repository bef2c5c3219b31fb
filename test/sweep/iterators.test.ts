import { describe, expect, it } from 'vitest'
import {
  DeleteSessionsIter,
  type Json,
  QueryIter,
  SessionConfigError,
  type SessionEntry,
  type Sessions,
} from '../../src/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, type Place, place } from './harness.ts'
import { deliver, drain, TestQueue } from './task-queue.ts'

type Data = Record<string, unknown>

const seen: string[] = []
const finished: [number, Json][] = []
let broken: ReadonlySet<string> = new Set()
let goOn = true

/** An example of a migration: the cart becomes a list. */
class CartToList extends QueryIter<Data> {
  static override readonly id = 'CartToList'
  static override readonly pageSize: number = 4

  override async handleEntry(entry: SessionEntry<Data>, customData: Json): Promise<void> {
    if (broken.has(entry.key)) throw new Error('broken')
    seen.push(entry.key)
    await entry.update((data) => {
      if (!Array.isArray(data['cart'])) data['cart'] = [customData, data['views']]
    })
  }

  override handleFinish(total: number, customData: Json): void {
    finished.push([total, customData])
  }

  override handleError(): boolean {
    return goOn
  }
}

class Unlisted extends QueryIter {
  static override readonly id: string = 'Unlisted'
  override handleEntry(): void {}
}

class SameId extends CartToList {}

function begin(): { sessions: Sessions<Data>; queue: TestQueue; p: Place }
function begin(kind: (typeof STORE_KINDS)[number]): ReturnType<typeof beginOn>
function begin(kind?: (typeof STORE_KINDS)[number]): ReturnType<typeof beginOn> {
  return beginOn(kind)
}

function beginOn(kind?: (typeof STORE_KINDS)[number]) {
  seen.length = 0
  finished.length = 0
  broken = new Set()
  goOn = true
  const p = place(kind)
  const queue = new TestQueue()
  const sessions = p.process({ tasks: queue, iterators: [CartToList] })
  return { p, queue, sessions }
}

async function cart(p: Place, key: string): Promise<unknown> {
  const found = await p.plain.find(key as never)
  return found?.record?.data
}

describe.each(STORE_KINDS)('a migration on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('over all sessions', () => {
    it('changes those that live, page by page, merging with a request under way', async () => {
      const { p, queue, sessions } = begin(kind)
      const keys = await p.fill(10, null)
      await p.fill(2, 2 * HOUR)
      const request = await sessions.open({ secure: true }).load()
      request.set('views', 7)
      const cookie = (await sessions.commit(request)).setCookie[0]?.split(';')[0] as string
      const running = await sessions.open({ cookie, secure: true }).load()
      running.set('other', true)
      await sessions.startIterOnQuery(CartToList, { select: 'all' }, 'v2')
      expect(await drain(sessions, queue)).toBeGreaterThan(3)
      await sessions.commit(running)
      const after = await sessions.open({ cookie, secure: true }).load()
      expect(Object.fromEntries(after.entries())).toEqual({
        views: 7,
        cart: ['v2', 7],
        other: true,
      })
      expect(seen).toHaveLength(11)
      expect(finished).toEqual([[13, 'v2']])
      for (const key of keys) expect(await cart(p, key)).toContain('v2')
      expect((await sessions.status()).runs[0]).toMatchObject({
        iterator: 'CartToList',
        state: 'finished',
        scanned: 13,
        skipped: 2,
      })
    })

    it('goes only over one user, or only over expired sessions', async () => {
      const { p, queue, sessions } = begin(kind)
      const alice = await p.fill(5, null, 'alice')
      const expired = await p.fill(3, 2 * HOUR)
      await p.fill(3, null)
      await sessions.startIterOnQuery(CartToList, { select: 'user', user: 'alice' })
      await drain(sessions, queue)
      expect(seen.sort()).toEqual(alice.sort())
      seen.length = 0
      await sessions.startIterOnQuery(CartToList, { select: 'expired' })
      await drain(sessions, queue, HOUR)
      expect(seen.sort()).toEqual(expired.sort())
      // Expired sessions can be read, and never changed.
      for (const key of expired) expect(await cart(p, key)).not.toContain('cart')
    })
  })
})

describe('an iterator', () => {
  it('calls handleError, continues where that returns true, and counts', async () => {
    const { p, queue, sessions } = begin()
    const [bad] = await p.fill(9, null)
    broken = new Set([bad as string])
    await sessions.startIterOnQuery(CartToList, { select: 'all' })
    await drain(sessions, queue)
    expect(seen).toHaveLength(8)
    expect((await sessions.status()).runs[0]).toMatchObject({ state: 'finished', failed: 1 })
  })

  it('ends as failed where handleError returns false, without handleFinish', async () => {
    const { p, queue, sessions } = begin()
    broken = new Set(await p.fill(9, null))
    goOn = false
    await sessions.startIterOnQuery(CartToList, { select: 'all' })
    await drain(sessions, queue)
    expect(finished).toEqual([])
    expect((await sessions.status()).runs[0]).toMatchObject({
      state: 'failed',
      error: 'handleError() ended the run',
    })
  })

  it('is refused when it is not in the option, shares an id, or is the sweep', async () => {
    const { sessions } = begin()
    for (const iter of [Unlisted, SameId, DeleteSessionsIter, undefined]) {
      await expect(sessions.startIterOnQuery(iter as never, { select: 'all' })).rejects.toThrow(
        SessionConfigError,
      )
    }
  })

  it.each([
    ['a query for the sessions', undefined, null],
    ['a query for the sessions', { select: 'some' }, null],
    ['which user', { select: 'user' }, null],
    ['data that is JSON', { select: 'all' }, { at: new Date() }],
    ['data that is JSON', { select: 'all' }, () => {}],
    ['data that is JSON', { select: 'all' }, 5n],
  ])('needs to be told %s', async (_what, query, customData) => {
    const { sessions } = begin()
    await expect(
      sessions.startIterOnQuery(CartToList, query as never, customData as never),
    ).rejects.toThrow(/startIterOnQuery/)
  })

  it('whose class this process does not know waits for one that does', async () => {
    const { p, queue, sessions } = begin()
    await p.fill(1, null)
    await sessions.startIterOnQuery(CartToList, { select: 'all' })
    const task = queue.next()
    const older = p.process({ tasks: queue })
    await expect(deliver(older, task)).rejects.toThrow('iterators')
    await deliver(sessions, task, HOUR)
    expect(seen).toHaveLength(1)
  })

  it('refuses a concurrency that would do no work', () => {
    class Idle extends CartToList {
      static override readonly id = 'Idle' as never
      static override readonly concurrency: number = 0
    }
    expect(() => place().process({ iterators: [Idle] })).toThrow('concurrency')
  })
})

describe('updateSessionsByUser', () => {
  it('merges with a request under way, running its function as often as it takes', async () => {
    const p = place()
    const sessions = p.process()
    const first = await sessions.open({ secure: true }).load()
    first.set('n', 1)
    await first.login('alice')
    first.set('n', 1)
    const cookie = (await sessions.commit(first)).setCookie[0]?.split(';')[0] as string
    const gate = p.store.hold({ method: 'write' })
    let runs = 0
    const update = sessions.updateSessionsByUser('alice', (data) => {
      runs += 1
      data['n'] = (data['n'] as number) + 10
    })
    await gate.reached
    const other = p.process()
    const request = await other.open({ cookie, secure: true }).load()
    request.set('n', 2)
    request.set('m', 3)
    await other.commit(request)
    gate.release()
    expect(await update).toEqual({ changed: 1 })
    expect(runs).toBe(2)
    const after = await other.open({ cookie, secure: true }).load()
    expect(Object.fromEntries(after.entries())).toEqual({ n: 12, m: 3 })
  })

  it('removes keys, skips ended and damaged sessions, and refuses async functions', async () => {
    const p = place()
    const sessions = p.process()
    const [key] = await p.fill(2, null, 'alice')
    await p.fill(1, 2 * HOUR, 'alice')
    const found = await p.plain.find(key as never)
    if (found?.record == null) throw new Error('not there')
    const record = { ...found.record, data: 'garbage' }
    await p.plain.write({ kind: 'update', record, version: found.version })
    const dropped = await sessions.updateSessionsByUser('alice', (data) => {
      delete data['views']
    })
    expect(dropped).toEqual({ changed: 1 })
    await expect(sessions.updateSessionsByUser('alice', (async () => {}) as never)).rejects.toThrow(
      'async',
    )
    await expect(
      sessions.updateSessionsByUser('alice', (data) => {
        data['constructor'] = 1
      }),
    ).rejects.toThrow('constructor')
    await expect(sessions.updateSessionsByUser('alice', null as never)).rejects.toThrow(
      SessionConfigError,
    )
  })

  it('lists those of a user that live, over many pages', async () => {
    const p = place()
    const sessions = p.process()
    const keys = await p.fill(450, null, 'alice')
    await p.fill(3, 2 * HOUR, 'alice')
    await p.fill(3, null, 'alicia')
    const listed: string[] = []
    for await (const { key } of sessions.listSessionsByUser('alice')) listed.push(key)
    expect(listed.sort()).toEqual(keys.sort())
  })
})
