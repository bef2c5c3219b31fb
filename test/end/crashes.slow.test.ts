import { describe, expect, it } from 'vitest'
import {
  createSessions,
  DeleteSessionsIter,
  type Json,
  type SecurityKeyName,
  type SessionDeleteEvent,
  type SessionEntry,
  type SessionStore,
  type Sessions,
  type Task,
} from '../../src/index.ts'
import { sampleRecord, sampleSecurityKey } from '../../src/testing/index.ts'
import { EMULATORS, emulatorStore, MEMORY, uniqueSpace } from '../setup/stores.ts'
import { HOUR } from '../sweep/harness.ts'
import { Life } from './mortal.ts'
import { deliver, TestQueue } from '../sweep/task-queue.ts'

type Data = Record<string, unknown>

const MINUTE = 60 * 1000

type Doing = 'sweep' | 'sweep by a class' | 'sweep without events' | 'killAll' | 'killByUser'

/** A sweep class that does something before each end. */
class ThroughSuper extends DeleteSessionsIter<Data> {
  override async handleEntry(entry: SessionEntry<Data>, customData: Json): Promise<void> {
    await null
    await super.handleEntry(entry, customData)
  }
}

/** A deployment whose first process crashes at its n-th call. */
class Scene {
  readonly queue = new TestQueue()
  readonly events: SessionDeleteEvent[] = []
  readonly store: SessionStore
  readonly doing: Doing
  now = Date.UTC(2026, 5, 1, 12, 30)
  over: string[] = []
  alive: string[] = []
  expiredKeys: SecurityKeyName[] = []
  validKeys: SecurityKeyName[] = []
  /** The tasks whose delivery was answered. */
  readonly acknowledged = new Set<Task>()

  constructor(store: (now: () => number) => SessionStore, doing: Doing) {
    this.store = store(() => this.now)
    this.doing = doing
  }

  process(life: Life): Sessions<Data> {
    const events = this.doing !== 'sweep without events'
    const sessions = createSessions<Data>({
      store: life.store(this.store),
      tasks: life.queue(this.queue),
      events,
      ...(this.doing === 'sweep by a class' && { sweep: ThroughSuper }),
      now: () => this.now,
      sleep: async () => {},
      logger: { warn() {}, error() {} },
    })
    if (events) {
      sessions.onDelete((event) =>
        life.through(async () => {
          this.events.push(event)
        }),
      )
    }
    return sessions
  }

  async fill(): Promise<void> {
    const { now } = this
    const born = now - 4 * HOUR
    const living = {
      created: born,
      lastSeen: now,
      expires: now + 48 * HOUR,
      expiry: { kind: 'idle', duration: 48 * HOUR },
    } as const
    const isKill = this.doing.startsWith('kill')
    const expired = { created: born, lastSeen: born, expires: born + HOUR }
    const killed = { user: 'alice', authenticated: born, ...living }
    const records = Array.from({ length: 5 }, () => sampleRecord(isKill ? killed : expired))
    if (this.doing === 'sweep' || this.doing === 'sweep by a class') {
      const ended = { ...living, ended: now - 2 * HOUR, reason: 'logout' } as const
      records.push(sampleRecord(ended))
    }
    const others = Array.from({ length: 2 }, () =>
      // The cookie of a login after the kill, where the kill is for all users.
      sampleRecord({ ...living, user: 'bob', authenticated: now + 5, fenceAll: now + 5 }),
    )
    await this.store.writeEach(
      [...records, ...others].map((record) => ({ kind: 'insert', record })),
    )
    const keys = [...Array.from({ length: 3 }, () => now - HOUR * 2), now + 48 * HOUR].map(
      (expires) => sampleSecurityKey({ created: born, expires }),
    )
    if (!isKill) await this.store.keys.insert(keys)
    this.expiredKeys = keys.slice(0, 3).map(({ name }) => name)
    this.validKeys = isKill ? [] : keys.slice(3).map(({ name }) => name)
    this.over = records.map(({ key }) => key)
    this.alive = others.map(({ key }) => key)
  }

  async begin(sessions: Sessions<Data>): Promise<void> {
    if (this.doing === 'killAll') await sessions.killAllSessions()
    else if (this.doing === 'killByUser') await sessions.killSessionByUser('alice')
    else await sessions.startClearSessions()
  }

  /** Delivers as a queue does: every task that was not acknowledged, oldest first. */
  async deliverAll(sessions: Sessions<Data>): Promise<void> {
    for (let rounds = 0; rounds < 300; rounds++) {
      const task = this.queue.added.find((one) => !this.acknowledged.has(one))
      if (task === undefined) return
      const { outcome } = await deliver(sessions, task)
      // The claim of the crashed process runs out; the queue tries again until then.
      if (outcome === 'busy') this.now += MINUTE
      else this.acknowledged.add(task)
    }
    throw new Error('the tasks do not come to an end')
  }

  async stored(): Promise<string[]> {
    const { keys } = await this.store.pageKeys({ by: 'all' }, { limit: 1000 })
    return [...keys].sort()
  }
}

async function storedKeys({ store, expiredKeys, validKeys }: Scene): Promise<SecurityKeyName[]> {
  const names = [...expiredKeys, ...validKeys]
  const found = await Promise.all(names.map((name) => store.keys.find(name)))
  return names.filter((_, at) => found[at] !== null)
}

interface Place {
  readonly name: string
  readonly missing: string | null
  readonly doings: readonly Doing[]
  store(now: () => number): SessionStore
}

const PLACES: readonly Place[] = [
  {
    name: MEMORY.name,
    missing: null,
    doings: ['sweep', 'sweep by a class', 'sweep without events', 'killAll', 'killByUser'],
    store: (now) => MEMORY.make({ now }),
  },
  // The other stores do not differ in this.
  ...EMULATORS.map(
    ({ name, missing, host }): Place => ({
      name,
      missing,
      doings: ['sweep', 'killByUser'],
      store: () => emulatorStore(host as string, uniqueSpace(), { shards: 1 }),
    }),
  ),
]

describe.each(PLACES)('a process that crashes, on $name', ({ missing, doings, store }) => {
  describe.skipIf(missing !== null)('at every call', () => {
    it.each(doings)(
      'loses nothing of a %s',
      async (doing) => {
        const last = await calls(store, doing)
        expect(last).toBeGreaterThan(5)
        for (let dieAt = 1; dieAt <= last; dieAt++) {
          for (const when of ['before', 'after'] as const) {
            await dieAndRecover(store, doing, new Life(dieAt, when), `${when} call ${dieAt}`)
          }
        }
      },
      600_000,
    )
  })
})

async function calls(store: (now: () => number) => SessionStore, doing: Doing): Promise<number> {
  const scene = new Scene(store, doing)
  await scene.fill()
  const life = new Life()
  const sessions = scene.process(life)
  await scene.begin(sessions)
  await scene.deliverAll(sessions)
  expect(await scene.stored()).toEqual([...scene.alive].sort())
  expect(await storedKeys(scene)).toEqual(scene.validKeys)
  if (doing !== 'sweep without events') {
    expect(scene.events.map(({ key }) => key).sort()).toEqual([...scene.over].sort())
  }
  return life.calls
}

async function dieAndRecover(
  store: (now: () => number) => SessionStore,
  doing: Doing,
  life: Life,
  place: string,
): Promise<void> {
  const scene = new Scene(store, doing)
  await scene.fill()
  const first = scene.process(life)
  const work = scene.begin(first).then(() => scene.deliverAll(first))
  await Promise.race([work, life.died])
  const second = scene.process(new Life())
  await scene.deliverAll(second)
  // The next sweeps, by an hourly cron job.
  for (let hours = 0; hours < 2; hours++) {
    scene.now += HOUR
    await second.startClearSessions()
    await scene.deliverAll(second)
  }
  // A kill has begun when it is stored, which is its second call: the first reads the fence.
  const notBegun = ['before call 1', 'after call 1', 'before call 2']
  const wasBegun = !doing.startsWith('kill') || !notBegun.includes(place)
  expect(await scene.stored(), place).toEqual(
    [...scene.alive, ...(wasBegun ? [] : scene.over)].sort(),
  )
  expect(await storedKeys(scene), place).toEqual(scene.validKeys)
  const told = new Map(scene.events.map(({ key, id }) => [key as string, id]))
  const isTold = wasBegun && doing !== 'sweep without events'
  expect([...told.keys()].sort(), place).toEqual(isTold ? [...scene.over].sort() : [])
  expect(scene.events.every(({ key, id }) => told.get(key) === id)).toBe(true)
  const reasons = new Map<string, Set<string>>()
  for (const { id, reason } of scene.events) {
    reasons.set(id, (reasons.get(id) ?? new Set()).add(reason))
  }
  expect([...reasons.values()].every(({ size }) => size === 1)).toBe(true)
  const open = [
    ...(await scene.store.notes.list('intent:', 10)),
    ...(await scene.store.notes.list('fence', 10)),
  ]
  expect(open.filter(({ value }) => (value as { kill?: unknown }).kill !== null)).toEqual([])
}
