import { describe, expect, it } from 'vitest'
import {
  DeleteSessionsIter,
  type Json,
  QueryIter,
  SessionConfigError,
  type SessionEntry,
  SessionStoreError,
  type SweepClass,
} from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, type Place, place } from './harness.ts'
import { drain, TestQueue } from './task-queue.ts'

type Data = Record<string, unknown>

/** The actions of the classes of these tests; each test begins with an empty list. */
let did: { before: string[]; after: string[]; finished: [number, Json][]; errors: unknown[] }
/** The work of `handleEntry` before it ends an entry; `false` keeps the entry. */
let first: (entry: SessionEntry<Data>) => unknown
let goesOn: unknown
/** The work after `super`. */
let then: (entry: SessionEntry<Data>) => unknown

function begin(
  kind?: (typeof STORE_KINDS)[number],
  options: Parameters<Place['process']>[0] = {},
): { p: Place; sessions: ReturnType<Place['process']> } {
  did = { before: [], after: [], finished: [], errors: [] }
  first = () => true
  then = () => {}
  goesOn = true
  const p = place(kind)
  return { p, sessions: p.process({ sweep: Mine, ...options }) }
}

class Mine extends DeleteSessionsIter<Data> {
  override async handleEntry(entry: SessionEntry<Data>, customData: Json): Promise<void> {
    did.before.push(entry.key)
    if ((await first(entry)) === false) return
    await super.handleEntry(entry, customData)
    await then(entry)
    did.after.push(entry.key)
  }

  override async handleError(
    _entry: SessionEntry<Data>,
    _customData: Json,
    error: unknown,
  ): Promise<boolean> {
    did.errors.push(error)
    await null
    if (goesOn instanceof Error) throw goesOn
    return goesOn as boolean
  }

  override handleFinish(total: number, customData: Json): void {
    did.finished.push([total, customData])
  }
}

/** A class with its own id, for startIterOnQuery. */
class Other extends Mine {
  static override readonly id: string = 'Other'
}

/** Ends by `kill()`, and records the result. */
class Killing extends DeleteSessionsIter<Data> {
  override async handleEntry(entry: SessionEntry<Data>): Promise<void> {
    did.after.push(
      `${await entry.kill()} ${await entry.update((data) => void Object.assign(data, { n: 1 }))}`,
    )
  }
}

/** Marked as ended by a logout, two hours ago. */
async function marked(p: Place): Promise<string> {
  const record = sampleRecord({
    created: p.now - 3 * HOUR,
    expires: p.now + 48 * HOUR,
    ended: p.now - 2 * HOUR,
    reason: 'logout',
  })
  await p.plain.write({ kind: 'insert', record })
  return record.key
}

describe.each(STORE_KINDS)('a sweep of the app’s own on $name', (kind) => {
  describe.skipIf(kind.missing !== null).each([true, false])('with events: %s', (events) => {
    it('does its work before each end, and ends and reports each session', async () => {
      const { p, sessions } = begin(kind, { events })
      const expired = await p.fill(30, 2 * HOUR)
      const logout = await marked(p)
      await p.fill(3, null)
      // After super the session has ended.
      then = async ({ key }) => expect(await p.plain.find(key)).toBeNull()
      expect(await sessions.startClearSessions()).toMatchObject({
        state: 'finished',
        scanned: 31,
        ended: 31,
        kept: 0,
        failed: 0,
      })
      expect(did.before.sort()).toEqual([...expired, logout].sort())
      expect(did.after.sort()).toEqual(did.before)
      expect(did.finished).toEqual([[31, null]])
      expect(await p.count()).toBe(3)
      const told = p.events.map(({ key, reason }) => `${key} ${reason}`)
      const due = [...expired.map((key) => `${key} expired`), `${logout} logout`]
      expect(told.sort()).toEqual(events ? due.sort() : [])
    })

    it('keeps the sessions that it does not end, continues without them, and finds them again in a full run', async () => {
      const { p, sessions } = begin(kind, { events })
      const [keep] = await p.fill(10, 2 * HOUR)
      first = ({ key }) => key !== keep
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 9, kept: 1 })
      expect((await sessions.status()).lastSweep).toMatchObject({ ended: 9, kept: 1 })
      p.now += 2 * HOUR
      await p.fill(2, HOUR + 1)
      did.before = []
      expect(await sessions.startClearSessions()).toMatchObject({ scanned: 2, ended: 2, kept: 0 })
      p.now += 8 * 24 * HOUR
      first = () => true
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 1, kept: 0 })
      expect(did.before).toContain(keep)
      expect(await p.count()).toBe(0)
    })
  })

  describe.skipIf(kind.missing !== null)('in tasks', () => {
    it('continues in small steps, and an end by kill() keeps its reason', async () => {
      const queue = new TestQueue()
      const { p, sessions } = begin(kind, { tasks: queue, sweep: Killing })
      await p.fill(20, 2 * HOUR)
      await marked(p)
      await sessions.startClearSessions()
      expect(await drain(sessions, queue)).toBeGreaterThan(3)
      expect(did.after).toEqual(Array.from({ length: 21 }, () => 'true false'))
      expect(p.events.map(({ reason }) => reason).filter((one) => one === 'logout')).toHaveLength(1)
      expect(p.events.every(({ reason }) => reason !== 'killed')).toBe(true)
      expect(await p.count()).toBe(0)
    })
  })
})

describe('the class of the sweep', () => {
  it('gets one commit for a page, however many handlers there are at a time', async () => {
    const { p } = begin()
    // All are in one shard, so that they form one page.
    const expires = p.now - 2 * HOUR
    for (let count = 0; count < 60; count++) {
      const { key } = sampleRecord()
      const record = sampleRecord({
        key: `AAA${key.slice(3)}` as never,
        created: expires - HOUR,
        expires,
      })
      await p.plain.write({ kind: 'insert', record })
    }
    let atWork = 0
    let most = 0
    first = async () => {
      atWork += 1
      most = Math.max(most, atWork)
      await new Promise((resolve) => setImmediate(resolve))
      atWork -= 1
    }
    const sessions = p.process({ sweep: Mine })
    p.store.clearCalls()
    expect(await sessions.startClearSessions()).toMatchObject({ ended: 60 })
    expect(p.store.calls.filter(({ method }) => method === 'writeEach')).toHaveLength(1)
    expect(most).toBe(10)
  })

  it('makes progress where its handlers wait for one another', async () => {
    const { p } = begin()
    await p.fill(12, 2 * HOUR)
    let turn: Promise<unknown> = Promise.resolve()
    class OneByOne extends DeleteSessionsIter<Data> {
      override handleEntry(entry: SessionEntry<Data>, customData: Json): Promise<void> {
        const mine = turn.then(() => super.handleEntry(entry, customData))
        turn = mine
        return mine
      }
    }
    expect(await p.process({ sweep: OneByOne }).startClearSessions()).toMatchObject({ ended: 12 })
  })

  it('costs nothing where it does not override handleEntry, and its handleFinish is called', async () => {
    const { p } = begin()
    class Counting extends DeleteSessionsIter<Data> {
      override handleFinish(total: number): void {
        did.finished.push([total, null])
      }
    }
    await p.fill(20, 2 * HOUR)
    const run = await p.process({ events: false, sweep: Counting }).startClearSessions()
    expect(run).toMatchObject({ ended: 20 })
    expect(p.store.calls.filter(({ method }) => method === 'page')).toEqual([])
    expect(did.finished).toEqual([[20, null]])
  })

  it('may work without super, and its handler may be a property of its objects', async () => {
    const { p } = begin()
    await p.fill(4, 2 * HOUR)
    class Nothing extends DeleteSessionsIter<Data> {
      override handleEntry = (): void => {}
    }
    const sessions = p.process({ sweep: Nothing, events: false })
    expect(await sessions.startClearSessions()).toMatchObject({ scanned: 4, ended: 0, kept: 4 })
    expect(await p.count()).toBe(4)
  })

  it('has its handleError called and awaited, and the next sweep finds the failed sessions', async () => {
    const { p, sessions } = begin()
    const [bad] = await p.fill(6, 2 * HOUR)
    first = ({ key }) => {
      if (key === bad) throw new Error('broken')
    }
    expect(await sessions.startClearSessions()).toMatchObject({ ended: 5, failed: 1, kept: 0 })
    expect(did.errors).toEqual([new Error('broken')])
    first = () => true
    expect(await sessions.startClearSessions()).toMatchObject({ scanned: 1, ended: 1 })
  })

  it.each([
    ['resolves false', false],
    ['rejects', new Error('also broken')],
  ])('ends the run as failed when its handleError %s', async (_what, answer) => {
    const { p, sessions } = begin()
    await p.fill(6, 2 * HOUR)
    first = () => {
      throw new Error('broken')
    }
    goesOn = answer
    expect(await sessions.startClearSessions()).toMatchObject({ state: 'failed' })
    expect((await sessions.status()).lastSweep).toMatchObject({
      state: 'failed',
      error: 'handleError() ended the run',
    })
    expect(did.finished).toEqual([])
  })

  it('gets the error of an end that could not be stored, and the session is not lost', async () => {
    const { p, sessions } = begin(undefined, { events: false })
    await p.fill(5, 2 * HOUR)
    const restore = p.store.failAlways('before', { method: 'writeEach' })
    await sessions.startClearSessions().catch(() => {})
    expect(did.errors.length).toBeGreaterThan(0)
    expect(did.errors.every((error) => error instanceof SessionStoreError)).toBe(true)
    expect(did.after).toEqual([])
    restore()
    p.now += HOUR
    await sessions.startClearSessions()
    expect(await p.count()).toBe(0)
  })

  it('counts an end that could not be stored, though the class has swallowed the failure', async () => {
    class Swallowing extends DeleteSessionsIter<Data> {
      override async handleEntry(entry: SessionEntry<Data>, customData: Json): Promise<void> {
        try {
          await super.handleEntry(entry, customData)
        } catch {}
      }
    }
    const { p, sessions } = begin(undefined, { events: false, sweep: Swallowing })
    await p.fill(5, 2 * HOUR)
    const restore = p.store.failAlways('before', { method: 'writeEach' })
    await sessions.startClearSessions().catch(() => {})
    restore()
    const { runs } = await sessions.status()
    expect(runs[0]).toMatchObject({ ended: 0, failed: 5 })
  })

  it('is not called for runs that only finish a kill', async () => {
    const queue = new TestQueue()
    const { p, sessions } = begin(undefined, { tasks: queue })
    await p.fill(3, null, 'alice')
    await sessions.killSessionByUser('alice')
    await drain(sessions, queue, HOUR)
    expect([did.before, did.finished]).toEqual([[], []])
  })

  it('ends nothing by an entry that is no entry of the engine', async () => {
    const { p } = begin()
    await p.fill(1, 2 * HOUR)
    class Copying extends DeleteSessionsIter<Data> {
      override async handleEntry(entry: SessionEntry<Data>, customData: Json): Promise<void> {
        await super.handleEntry({ ...entry, data: entry.data }, customData)
      }

      override handleError(_entry: SessionEntry<Data>, _data: Json, error: unknown): boolean {
        did.errors.push(error)
        return true
      }
    }
    expect(await p.process({ sweep: Copying }).startClearSessions()).toMatchObject({ failed: 1 })
    expect(did.errors).toEqual([expect.any(SessionConfigError)])
  })

  it('leaves a session of a later release to a process that can read it', async () => {
    for (const sweep of [Mine, DeleteSessionsIter] as SweepClass[]) {
      const { p, sessions } = begin(undefined, { sweep })
      const expires = p.now - 2 * HOUR
      const record = sampleRecord({ created: expires - HOUR, expires })
      await p.plain.write({
        kind: 'insert',
        record: { ...record, data: `2${record.data.slice(1)}` },
      })
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 0, skipped: 1 })
      expect([p.events, await p.count()]).toEqual([[], 1])
      expect(await sessions.startClearSessions()).toMatchObject({ skipped: 1 })
    }
  })

  it('reports only the key of a damaged record', async () => {
    const { p, sessions } = begin()
    const expires = p.now - 2 * HOUR
    const record = sampleRecord({
      created: expires - HOUR,
      expires,
      data: 'garbage',
      user: 'alice',
    })
    await p.plain.write({ kind: 'insert', record })
    const seen: unknown[] = []
    first = (entry) => void seen.push(entry.data)
    expect(await sessions.startClearSessions()).toMatchObject({ ended: 1 })
    expect(seen).toEqual([{}])
    expect(p.events).toMatchObject([{ user: 'alice', data: {} }])
  })
})

describe('an iterator over sessions that have expired', () => {
  it('ends them through DeleteSessionsIter, under its own id', async () => {
    const { p, sessions } = begin(undefined, { iterators: [Other], sweep: DeleteSessionsIter })
    const expired = await p.fill(7, 2 * HOUR)
    await sessions.startIterOnQuery(Other, { select: 'expired' }, 'v2')
    expect(p.events.map(({ key, reason }) => [key, reason]).sort()).toEqual(
      expired.map((key) => [key, 'expired']).sort(),
    )
    expect(await p.count()).toBe(0)
    expect(did.finished).toEqual([[7, 'v2']])
    expect((await sessions.status()).runs[0]).toMatchObject({ iterator: 'Other', ended: 7 })
  })

  it('ends those that are alive as killed, through DeleteSessionsIter over a user', async () => {
    const { p, sessions } = begin(undefined, { iterators: [Other] })
    await p.fill(3, null, 'alice')
    await p.fill(2, null, 'bob')
    await sessions.startIterOnQuery(Other, { select: 'user', user: 'alice' })
    expect(p.events.map(({ user, reason }) => [user, reason])).toEqual(
      Array.from({ length: 3 }, () => ['alice', 'killed']),
    )
    expect(await p.count()).toBe(2)
  })

  it('ends none of them in a process that has no observers', async () => {
    const { p, sessions } = begin(undefined, { iterators: [Other], observed: false })
    await p.fill(3, 2 * HOUR)
    await sessions.startIterOnQuery(Other, { select: 'expired' }).catch(() => {})
    expect(await p.count()).toBe(3)
    expect(did.errors).toEqual(Array.from({ length: 3 }, () => expect.any(SessionConfigError)))
  })
})

describe('the result of an iterator', () => {
  class Killer extends QueryIter<Data> {
    static override readonly id = 'Killer'
    override async handleEntry(entry: SessionEntry<Data>): Promise<void> {
      if (entry.user === 'alice') await entry.kill()
      else await entry.update((data) => Object.assign(data, { role: 'editor' }))
    }
  }

  it('is in the status: how many it killed, and how many it changed', async () => {
    const { p, sessions } = begin(undefined, { iterators: [Killer] })
    await p.fill(3, null, 'alice')
    await p.fill(2, null, 'bob')
    await sessions.startIterOnQuery(Killer, { select: 'all' })
    expect((await sessions.status()).runs[0]).toMatchObject({ scanned: 5, ended: 3, changed: 2 })
    p.now += 1000
    await sessions.startIterOnQuery(Killer, { select: 'all' })
    expect((await sessions.status()).runs[0]).toMatchObject({ scanned: 2, ended: 0, changed: 0 })
  })

  it('is in the log in one line, with a count, where it failed', async () => {
    const { p } = begin()
    class Failing extends QueryIter<Data> {
      static override readonly id = 'Failing'
      override handleEntry(): void {
        throw new Error('broken')
      }
    }
    const lines: unknown[] = []
    const logger = {
      warn: (message: string, details: unknown) => void lines.push([message, details]),
    }
    const sessions = p.process({ iterators: [Failing], logger })
    await p.fill(600, null)
    await sessions.startIterOnQuery(Failing, { select: 'all' })
    expect(lines).toMatchObject([
      ['an iterator failed on sessions', { of: 'Failing', count: 600, error: 'broken' }],
    ])
  })
})

describe('observers that fail', () => {
  it('are in the log in one line for each run and observer, with a count', async () => {
    const { p } = begin()
    const lines: unknown[] = []
    const logger = {
      warn: (message: string, details: unknown) => void lines.push([message, details]),
    }
    const queue = new TestQueue()
    const sessions = p.process({ logger, tasks: queue, observed: false })
    sessions.onDelete(async function release() {
      throw new Error('no cart')
    })
    sessions.onDelete(async () => {
      throw new Error('no mail')
    })
    await p.fill(100, 2 * HOUR)
    await sessions.startClearSessions()
    // In many steps.
    await drain(sessions, queue)
    expect(lines).toMatchObject(
      [
        [/an onDelete observer failed/, { count: 100, problem: 'no cart' }],
        [/an onDelete observer failed/, { count: 100, problem: 'no mail' }],
      ].map(([, details]) => [expect.stringContaining('onDelete observer failed'), details]),
    )
    expect(lines[0]).toMatchObject([expect.any(String), { of: 'onDelete observer 1 (release)' }])
    lines.length = 0
    await p.fill(50, null, 'alice')
    await sessions.killSessionByUser('alice')
    expect(lines).toMatchObject([
      [expect.any(String), { count: 50 }],
      [expect.any(String), { count: 50 }],
    ])
    lines.length = 0
    // One by one, as requests end them: the first is logged at once, the others within the minute in a sum.
    const keys = await p.fill(20, null, 'bob')
    for (const key of keys) await sessions.killSession(key as never)
    expect(lines).toHaveLength(2)
    p.now += 61_000
    const [last] = await p.fill(1, null, 'bob')
    await sessions.killSession(last as never)
    expect(lines.slice(2)).toMatchObject([
      [expect.any(String), { count: 20 }],
      [expect.any(String), { count: 20 }],
    ])
  })
})

describe('an iterator that could never work', () => {
  class Fine extends QueryIter {
    static override readonly id: string = 'Fine'
    override handleEntry(): void {}
  }
  const Handlerless = class extends (QueryIter as unknown as new () => object) {
    static readonly id = 'Handlerless'
  }

  class Speechless extends Fine {}
  Object.defineProperty(Speechless.prototype, 'handleError', { value: 5 })

  it.each<[string, unknown]>([
    ['without an own handleEntry', Handlerless],
    ['with a handleError that is none', Speechless],
    ['with an id that is no text', define(Fine, { id: 5 })],
    ['with an id of spaces', define(Fine, { id: 'my id' })],
    ['without an id', define(Fine, { id: '' })],
    ['with a queueName that is no text', define(Fine, { queueName: 5 })],
    ['with a pageSize of text', define(Fine, { pageSize: '10' })],
    ['with a pageSize beyond what a page can be', define(Fine, { pageSize: 1001 })],
    ['with a concurrency of a half', define(Fine, { concurrency: 0.5 })],
    ['with an endless concurrency', define(Fine, { concurrency: Number.POSITIVE_INFINITY })],
    ['that is a subclass of the sweep with its id', Mine],
    ['that is the sweep itself', DeleteSessionsIter],
    ['that is an object', new Fine()],
    ['that is nothing', undefined],
  ])('%s is refused by createSessions() and startIterOnQuery()', async (_what, iter) => {
    const p = place()
    expect(() => p.process({ iterators: [iter as never] })).toThrow(SessionConfigError)
    const start = p.process().startIterOnQuery(iter as never, { select: 'all' })
    await expect(start).rejects.toThrow(SessionConfigError)
  })

  it.each<[string, unknown]>([
    ['an iterator that is no sweep', Fine],
    ['the base class', QueryIter],
    ['an object', new Mine()],
    ['null', null],
    ['a class with a bad pageSize', define(Mine, { pageSize: 0 })],
  ])('is refused as the sweep: %s', (_what, sweep) => {
    expect(() => place().process({ sweep: sweep as never })).toThrow(SessionConfigError)
  })

  it('uses the id of the sweep where it is the sweep, even if it has its own', async () => {
    const { p, sessions } = begin(undefined, { sweep: Other, iterators: [Other] })
    await p.fill(2, 2 * HOUR)
    expect(await sessions.startClearSessions()).toMatchObject({ ended: 2 })
    expect((await sessions.status()).lastSweep).toMatchObject({ iterator: 'DeleteSessionsIter' })
  })
})

/** A subclass with these statics. */
function define(Base: unknown, statics: object): unknown {
  const Made = class extends (Base as new () => object) {}
  for (const [name, value] of Object.entries(statics)) Object.defineProperty(Made, name, { value })
  return Made
}
