import { createHash } from 'node:crypto'
import { FENCE_OF_ALL } from '../../src/end/fences.ts'
import type { SessionRecord } from '../../src/index.ts'
import {
  createSessions,
  memoryStore,
  SessionGoneError,
  type SessionKey,
  type SessionStore,
  SessionStoreError,
  type Sessions,
} from '../../src/index.ts'
import { checkFences, must } from './fence-rules.ts'
import { type Effect, gatedStore } from './gated-store.ts'
import { type Actor, type Arrive, everyOrder, oneOrder, type Scenario } from './schedule.ts'

type Data = Record<string, unknown>

const MINUTE = 60_000
const START = Date.UTC(2026, 0, 1)

/** The action of an actor. `mine` is one of two sessions of alice; all cookies except those of a login name it. */
export type Kind =
  /** A visitor logs in as alice. */
  | 'login'
  /** The same, and the next request gives the session a new key. */
  | 'cycled login'
  /** The client with `mine` logs in as alice again. */
  | 'relogin'
  | 'cycleKey'
  | 'change'
  | 'logout'
  /** Kills the sessions of alice. */
  | 'kill'
  | 'kill but mine'
  /** Kills all sessions. */
  | 'kill all'
  /** Six minutes pass, and then a sweep runs. */
  | 'later'

/** The result that one actor got. */
export interface Report {
  readonly kind: Kind
  /** `null`: its process has crashed. */
  result: 'stored' | 'refused' | 'error' | null
  /** The cookie of the browser afterwards. */
  key: SessionKey | null
  /** For a kill: the sessions that were alive when it returned. */
  alive: readonly string[] | null
}

export interface World {
  readonly store: SessionStore
  readonly clock: { now: number }
  readonly events: boolean
  /** `key reason` of every event. */
  readonly told: string[]
  readonly mine: SessionRecord
  readonly other: SessionRecord
  readonly bobs: SessionRecord
  readonly mineCookie: string
  readonly reports: Report[]
  readonly effects: Effect[]
}

export interface Choices {
  /** The difference of the actors' clocks, in milliseconds. Default: 0. */
  readonly skew?: readonly number[]
  readonly events?: boolean
  /** Determines the keys, and so the order in which a pass reads sessions. */
  readonly seed?: string
}

const silent = { warn: () => {}, error: () => {} }

function processOn(
  world: Pick<World, 'clock' | 'events' | 'told'>,
  store: SessionStore,
  seed: string,
  skew = 0,
): Sessions<Data> {
  const sessions = createSessions<Data>({
    store,
    now: () => world.clock.now + skew,
    sleep: async () => {},
    randomBytes: seeded(seed),
    lifetime: '1d',
    events: world.events,
    logger: silent,
  })
  if (world.events) sessions.onDelete(({ key, reason }) => void world.told.push(`${key} ${reason}`))
  return sessions
}

function seeded(seed: string): (size: number) => Buffer {
  let drawn = 0
  return (size) => {
    drawn += 1
    return createHash('sha512').update(`${seed} ${drawn}`).digest().subarray(0, size)
  }
}

function cookieOf(setCookie: readonly string[]): string | null {
  const [pair] = setCookie[0]?.split(';') ?? []
  return pair === undefined || pair.endsWith('=') ? null : pair
}

async function loginAs(sessions: Sessions<Data>, user: string): Promise<string> {
  const session = sessions.open({ secure: true })
  await session.login(user)
  return cookieOf((await sessions.commit(session)).setCookie) as string
}

/** The keys of the sessions that are alive. */
async function aliveIn({ store, clock }: World): Promise<string[]> {
  const { entries } = await store.page({ by: 'all' }, { limit: 100 })
  return entries.flatMap(({ record }) =>
    record !== null && record.ended === null && record.expires > clock.now ? [record.key] : [],
  )
}

function actorOf(world: World, kind: Kind, index: number, { seed, skew = [] }: Choices): Actor {
  const report: Report = { kind, result: null, key: null, alive: null }
  world.reports.push(report)
  return async (arrive) => {
    const step = (call: string, reads: string[], writes: string[]): Promise<unknown> =>
      arrive(call, { reads, writes, isSafe: true })
    // After a fault, the next sweep continues.
    const arriveSafely: Arrive = (call, footprint) => arrive(call, { ...footprint, isSafe: true })
    const arriving = kind === 'later' ? arriveSafely : arrive
    const store = gatedStore(world.store, index, arriving, world.effects)
    const sessions = processOn(world, store, `${seed} ${index}`, skew[index])
    try {
      if (kind === 'later') {
        await step('wait', [], ['*'])
        world.clock.now += 6 * MINUTE
        await sessions.startClearSessions()
      } else if (kind.startsWith('kill')) {
        const options = kind === 'kill but mine' ? { except: world.mine.key } : {}
        if (kind === 'kill all') await sessions.killAllSessions()
        else await sessions.killSessionByUser('alice', options)
        await step('look', ['s:*'], [])
        report.alive = await aliveIn(world)
      } else {
        const isVisitor = kind === 'login' || kind === 'cycled login'
        const cookie = isVisitor ? undefined : world.mineCookie
        const session = await sessions.open({ cookie, secure: true }).load()
        if (kind === 'change') session.set('n', index)
        else if (kind === 'logout' || kind === 'cycleKey') await session[kind]()
        else await session.login('alice')
        const given = cookieOf((await sessions.commit(session)).setCookie)
        report.key = given === null ? null : session.key
        if (kind === 'cycled login') {
          report.result = 'stored'
          const next = await sessions.open({ cookie: given ?? undefined, secure: true }).load()
          await next.cycleKey()
          await sessions.commit(next)
        }
      }
      report.result = 'stored'
    } catch (error) {
      // The steps after a login are another request.
      if (report.result !== null) return
      if (error instanceof SessionGoneError) report.result = 'refused'
      else if (error instanceof SessionStoreError) report.result = 'error'
      else throw error
    }
  }
}

async function check(world: World): Promise<void> {
  const raised = new Set<string>()
  for (const { note } of world.effects) if (note?.isRead === false) raised.add(note.name)
  // If all sessions were killed, a login of the first minute may be ended.
  if (raised.has(FENCE_OF_ALL)) world.clock.now += MINUTE
  const looks = processOn(world, world.store, 'late', -2 * MINUTE)
  const late = await loginAs(looks, 'alice')
  world.clock.now += 10 * MINUTE
  const sweeper = processOn(world, world.store, 'sweep', 2 * MINUTE)
  await sweeper.startClearSessions()
  const alive = await aliveIn(world)
  // The hour in which a session ended has to be over before a sweep calls the observers.
  const { entries } = await world.store.page({ by: 'all' }, { limit: 100 })
  if (entries.some(({ record }) => record?.ended !== null)) {
    world.clock.now += 130 * MINUTE
    await sweeper.startClearSessions()
  }
  must(String(await aliveIn(world)) === String(alive), 'a later sweep ends nothing more')
  const { loadOutcome } = await looks.open({ cookie: late, secure: true }).load()
  must(loadOutcome === 'live', 'a login after it all lives, by a clock that is behind')
  checkFences(world, alive)
}

/** A store with three sessions, and the actions on them. */
async function scenarios(kinds: readonly Kind[], choices: Choices): Promise<() => Scenario> {
  const made = memoryStore({ now: () => START })
  const before = { clock: { now: START }, events: false, told: [] }
  const setup = processOn(before, made, `before ${choices.seed}`)
  const cookies = [await loginAs(setup, 'alice'), await loginAs(setup, 'alice')]
  cookies.push(await loginAs(setup, 'bob'))
  const [mine, other, bobs] = await Promise.all(
    cookies.map(async (cookie) => {
      const { key } = await setup.open({ cookie, secure: true }).load()
      return (await made.find(key as SessionKey))?.record as SessionRecord
    }),
  )
  return () => {
    const clock = { now: START + MINUTE }
    const world: World = {
      ...{
        store: memoryStore({ now: () => clock.now }),
        clock,
        told: [],
        reports: [],
        effects: [],
      },
      events: choices.events ?? false,
      mine: mine as SessionRecord,
      other: other as SessionRecord,
      bobs: bobs as SessionRecord,
      mineCookie: cookies[0] as string,
    }
    for (const record of [world.mine, world.other, world.bobs]) {
      void world.store.write({ kind: 'insert', record })
    }
    const actors = kinds.map((kind, index) => actorOf(world, kind, index, choices))
    return { actors, check: () => check(world) }
  }
}

/** Runs these actors in every order of their calls, and checks the rules each time. */
export async function explore(
  kinds: readonly Kind[],
  faults: number,
  choices: Choices = {},
): Promise<number> {
  return await everyOrder(await scenarios(kinds, { seed: 'a', ...choices }), faults)
}

const KINDS: readonly Kind[] = [
  'login',
  'cycled login',
  'relogin',
  'cycleKey',
  'change',
  'logout',
  'later',
]
const KILLS: readonly Kind[] = ['kill', 'kill but mine', 'kill but mine', 'kill all']

/** Walks of three to five actors with one or two kills, up to three faults, and clocks two minutes apart. */
export async function walk(count: number, seed: string): Promise<number> {
  for (let walked = 0; walked < count; walked++) {
    const random = numbersFrom(`${seed} ${walked}`)
    const draw = <Item>(items: readonly Item[]): Item =>
      items[Math.floor(random() * items.length)] as Item
    const kinds = [draw(KILLS), draw([...KINDS, ...KILLS]), draw(KINDS), draw(KINDS), draw(KINDS)]
    const drawn = kinds.slice(0, draw([3, 4, 5]))
    const skew = drawn.map(() => draw([0, -2 * MINUTE, 2 * MINUTE]))
    const choices = { skew, events: draw([true, false]), seed: `${seed} ${walked}` }
    const make = await scenarios(drawn, choices)
    try {
      await oneOrder(make(), draw([0, 1, 3]), random)
    } catch (error) {
      const what = `${(error as Error).message}\n  of ${drawn.join(', ')}, ${JSON.stringify(choices)}`
      throw new Error(what, { cause: error })
    }
  }
  return count
}

/** Numbers from 0 to 1, the same for the same seed. */
function numbersFrom(seed: string): () => number {
  const bytes = seeded(seed)
  return () => bytes(4).readUInt32BE() / 2 ** 32
}
