import {
  createSessions,
  memoryStore,
  type SessionDeleteEvent,
  type SessionRecord,
  type SessionStore,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import { type FailingStore, failingStore, sampleRecord } from '../../src/testing/index.ts'
import type { StoreKind } from '../setup/stores.ts'

type Data = Record<string, unknown>

export const HOUR: number = 60 * 60 * 1000

/** A store with sessions, a clock, and several processes on them. */
export interface Place {
  readonly store: FailingStore
  readonly plain: SessionStore
  now: number
  readonly events: SessionDeleteEvent<Data>[]
  readonly warnings: string[]
  process(options?: SessionsOptions & { observed?: boolean }): Sessions<Data>
  /** Stores sessions that live for 23 hours, or that expired `ago` milliseconds ago. */
  fill(count: number, ago: number | null, user?: string): Promise<string[]>
  count(): Promise<number>
}

/** Inserts records. On a busy machine an emulator may lose an answer, so what is not applied is looked up. */
async function insertAll(store: SessionStore, records: readonly SessionRecord[]): Promise<void> {
  let open = records
  for (let tries = 0; open.length > 0; tries++) {
    const results = await store.writeEach(open.map((record) => ({ kind: 'insert', record })))
    const unsure = open.filter((_, at) => results[at]?.outcome !== 'applied')
    const found = await Promise.all(unsure.map(({ key }) => store.find(key)))
    open = unsure.filter((_, at) => found[at] === null)
    if (open.length > 0 && tries === 4) throw new Error('not filled')
  }
}

/** `shards`: of a store on an emulator. */
export function place(kind?: StoreKind, shards?: number): Place {
  const clock = { now: Date.UTC(2026, 5, 1, 12, 30) }
  const now = (): number => clock.now
  const plain = kind?.make({ now, ...(shards !== undefined && { shards }) }) ?? memoryStore({ now })
  const store = failingStore(plain)
  const events: SessionDeleteEvent<Data>[] = []
  const warnings: string[] = []
  return {
    store,
    plain,
    get now() {
      return clock.now
    },
    set now(time) {
      clock.now = time
    },
    events,
    warnings,
    process: ({ observed = true, ...options } = {}) => {
      const sessions = createSessions<Data>({
        store,
        events: true,
        now: () => clock.now,
        sleep: async () => {},
        logger: {
          warn: (message) => warnings.push(message),
          error: (message) => warnings.push(message),
        },
        ...options,
      })
      if (observed && options.events !== false)
        sessions.onDelete((event) => void events.push(event))
      return sessions
    },
    fill: async (count, ago, user) => {
      const keys: string[] = []
      const lasting = { expiry: { kind: 'idle', duration: 24 * HOUR } } as const
      const expires = ago === null ? clock.now + 23 * HOUR : clock.now - ago
      for (let at = 0; at < count; at += 500) {
        const records = Array.from({ length: Math.min(500, count - at) }, () =>
          sampleRecord({
            created: expires - HOUR,
            lastSeen: expires - HOUR,
            expires,
            ...(ago === null && { created: clock.now - HOUR, lastSeen: clock.now - HOUR }),
            ...(ago === null && lasting),
            ...(user !== undefined && {
              user,
              authenticated: ago === null ? clock.now - HOUR : expires - HOUR,
            }),
          }),
        )
        keys.push(...records.map(({ key }) => key))
        await insertAll(plain, records)
      }
      return keys
    },
    count: async () => {
      let count = 0
      let cursor: string | undefined
      for (;;) {
        const page = await plain.pageKeys(
          { by: 'all' },
          { limit: 1000, ...(cursor !== undefined && { cursor }) },
        )
        if (page.cursor === null) return count
        cursor = page.cursor
        count += page.keys.length
      }
    },
  }
}
