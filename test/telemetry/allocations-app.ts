// allocations.test.ts runs this file in a separate process without the optimizing compilers, so that every object in the
// code is really allocated. It prints how many bytes each step allocates.
import { channel } from 'node:diagnostics_channel'
import { Trace } from '../../src/base/tracing.ts'
import { createSessions, memoryStore } from '../../src/index.ts'
import { publishTrouble } from '../../src/record/diagnostics.ts'
import { isHeard, tell, tellEnds } from '../../src/record/happenings.ts'
import type { SessionKey } from '../../src/record/id.ts'
import { type DatastoreV1Client, datastoreStore } from '../../src/store/datastore/index.ts'
import { tellTurnedAway } from '../../src/store/datastore/overload/turned-away.ts'
import { asking, storeCalls } from '../../src/store/store-calls.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { tellingStore } from '../../src/store/telling-store.ts'

const WARM_UP = 300
const MEASURED = 200

/** Calls of a synchronous step in one measurement. */
const IN_A_ROW = 1000

const gc = (globalThis as unknown as { gc(): void }).gc

// The clocks stand still, so that every step takes the same branches, however slow the machine is.
const started = Date.now()
Date.now = () => started
performance.now = () => 0.5

/**
 * Bytes that one step allocates: the smallest number that at least every sixth step needs. Some steps need more, because
 * the engine grows a table, for example.
 */
async function usualOf(step: () => Promise<unknown>): Promise<number> {
  for (let n = 0; n < WARM_UP; n++) await step()
  gc()
  const counts = new Map<number, number>()
  for (let n = 0; n < MEASURED; n++) {
    const before = process.memoryUsage().heapUsed
    await step()
    const taken = process.memoryUsage().heapUsed - before
    counts.set(taken, (counts.get(taken) ?? 0) + 1)
  }
  const usual = [...counts].flatMap(([taken, count]) => (count >= MEASURED / 6 ? [taken] : []))
  return Math.min(...usual)
}

/** Bytes that one call of a synchronous step allocates, without those of the measurement. Rounded to whole bytes. */
async function usualInARow(step: () => unknown): Promise<number> {
  const many = (one: () => unknown) => async (): Promise<void> => {
    for (let n = 0; n < IN_A_ROW; n++) one()
  }
  const none = await usualOf(many(() => undefined))
  return Math.round(Math.abs((await usualOf(many(step))) - none) / IN_A_ROW)
}

const work = new Trace<{ duration: number | null }>('work of a test')
const answer = Promise.resolve(null)
const quick = {
  ...memoryStore(),
  find: () => answer,
  write: () => answer,
  writeTogether: () => answer,
  writeWithNote: () => answer,
  writeEach: () => answer,
  page: () => answer,
  pageKeys: () => answer,
  notes: Object.fromEntries(
    ['get', 'getMany', 'put', 'delete', 'list'].map((name) => [name, () => answer]),
  ),
  keys: Object.fromEntries(
    ['insert', 'find', 'use', 'page', 'remove'].map((name) => [name, () => answer]),
  ),
} as unknown as SessionStore
const told = tellingStore(quick)
const writeWithNote = told.writeWithNote as NonNullable<SessionStore['writeWithNote']>
const key = 'k'.repeat(43) as SessionKey
const trouble = { kind: 'conflict', key } as const
const kept: unknown[] = [null]
const none: never[] = []
const never = undefined as never

/** All code that publishes something, while there are no subscribers. */
const helpers: Record<string, () => unknown> = {
  'Trace.isHeard': () => work.isHeard,
  'isHeard()': () => isHeard('retry') && tell({ kind: 'retry', why: 'conflict' }),
  'tellEnds()': () => tellEnds('expired', 1),
  'tellTurnedAway()': () => tellTurnedAway('full'),
  'asking()': () => asking('datastore', 'lookup'),
  'publishTrouble()': () => publishTrouble(trouble),
  find: () => told.find(key, never),
  write: () => told.write(never, never),
  writeTogether: () => told.writeTogether(none, never),
  writeWithNote: () => writeWithNote(none, never, never),
  writeEach: () => told.writeEach(none),
  page: () => told.page(never, never),
  pageKeys: () => told.pageKeys(never, never),
  'notes.get': () => told.notes.get('n', never),
  'notes.getMany': () => told.notes.getMany?.(none, never),
  'notes.put': () => told.notes.put('n', never, never, never),
  'notes.delete': () => told.notes.delete('n', never, never),
  'notes.list': () => told.notes.list('n', 1, never),
  'keys.insert': () => told.keys.insert(none, never),
  'keys.find': () => told.keys.find(never, never),
  'keys.use': () => told.keys.use(never, never, never),
  'keys.page': () => told.keys.page(never, never),
  'keys.remove': () => told.keys.remove(none),
}

/** Steps that do allocate: an empty object, and the variables of a closure that is never created. */
const seen: Record<string, () => unknown> = {
  object: () => (kept[0] = {}),
  closure: () => closing(kept),
}

function closing(list: unknown[]): unknown {
  return list.length > 1 ? () => list : null
}

/** A small Datastore for sequential requests. */
function datastore(): DatastoreV1Client {
  const stored = new Map<string, { entity: object; version: string }>()
  let version = 1
  const nameOf = (at: unknown): string => JSON.stringify((at as { path: unknown }).path)
  const commit = async (request: object): Promise<unknown> => {
    const { mutations } = request as { mutations: Record<string, { key?: object }>[] }
    const mutationResults = mutations.map((mutation) => {
      const { insert, update, upsert, delete: gone, baseVersion } = mutation
      const entity = insert ?? update ?? upsert
      const name = nameOf(entity?.key ?? gone)
      const there = stored.get(name)
      const isStale = baseVersion !== undefined && String(baseVersion) !== there?.version
      if (isStale) return { version: there?.version ?? '1', conflictDetected: true }
      version += 1
      if (entity === undefined) stored.delete(name)
      else stored.set(name, { entity, version: String(version) })
      return { version: String(version), conflictDetected: false }
    })
    return [{ mutationResults }]
  }
  const lookup = async (request: object): Promise<unknown> => {
    const { keys } = request as { keys: object[] }
    const found = keys.flatMap((at) => stored.get(nameOf(at)) ?? [])
    const missing = keys
      .filter((at) => !stored.has(nameOf(at)))
      .map((at) => ({ entity: { key: at } }))
    return [{ found, missing, deferred: [] }]
  }
  const runQuery = async (): Promise<unknown> => [{ batch: { entityResults: [] } }]
  return { commit, lookup, runQuery }
}

/** Requests that read or change their session. */
async function requestsOn(store: SessionStore): Promise<Record<string, () => Promise<unknown>>> {
  const sessions = createSessions({ store, cookie: { secure: false } })
  const first = await sessions.open({ secure: false }).load()
  const [line = ''] = (await sessions.commit(first.set('n', 1))).setCookie
  const [cookie] = line.split(';')
  const open = () => sessions.open({ secure: false, cookie }).load()
  return {
    read: async () => {
      const session = await open()
      if (session.get('n') === undefined) throw new Error('the session is not there')
      await sessions.commit(session)
    },
    write: async () => {
      const session = await open()
      await sessions.commit(session.set('n', session.get('n') === 1 ? 2 : 1))
    },
    'a login and its logout': async () => {
      const session = await sessions.open({ secure: false }).load()
      await session.login('alice')
      await session.logout()
      await sessions.commit(session)
    },
    'a security key': async () => {
      const session = await open()
      const key = await session.getSecurityKey()
      if ((await session.validateSecurityKey(key)) === false) throw new Error('refused')
    },
  }
}

const taken: Record<string, number> = {}
const one = process.argv[2]
if (one === 'helpers') {
  for (const [name, step] of Object.entries({ ...helpers, ...seen })) {
    taken[name] = await usualInARow(step)
  }
} else {
  const client = datastore()
  const stores: Record<string, SessionStore> = {
    memory: memoryStore(),
    'datastore, one by one': datastoreStore({ projectId: 'p', client, sharedWrites: 'off' }),
    'datastore, together': datastoreStore({ projectId: 'p', client }),
  }
  for (const [name, store] of Object.entries(stores)) {
    for (const [what, step] of Object.entries(await requestsOn(store))) {
      taken[`${name}: ${what}`] = await usualOf(step)
    }
  }
}
const heard = [storeCalls.isHeard, channel('viur-session:end').hasSubscribers]
if (heard.includes(true)) throw new Error('a channel has a subscriber')
console.log(JSON.stringify(taken))
process.exit(0)
