import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import {
  createSessions,
  memoryStore,
  type Session,
  SessionGoneError,
  type SessionKey,
  type SessionStore,
  SessionStoreError,
  type Sessions,
} from '../../src/index.ts'
import { type Actor, explore, type Path } from './explorer.ts'

type Data = Record<string, unknown>

const MINUTE = 60_000
const START = Date.UTC(2026, 0, 1)

/** What one actor did and was told, by the order of steps. `null`: not (yet). */
interface Report {
  readonly kind: Kind
  readonly user: string
  /** When it was called, when its commit resolved, and whether that worked. */
  called: number | null
  /** When `login()` had resolved, its commit being still to come. */
  logged: number | null
  resolved: number | null
  result: 'stored' | 'refused' | 'error' | null
  cookie: string | null
}

export type Kind = 'login' | 'slow login' | 'kill' | 'kill but mine' | 'cycleKey' | 'change'

interface World {
  readonly store: SessionStore
  readonly clock: { now: number }
  /** How far the clocks of the actors are apart, in milliseconds. */
  readonly skew: readonly number[]
  readonly events: boolean
  readonly told: string[]
  /** The same in every run: where a new session stands in a page depends on its key. */
  readonly random: (size: number) => Buffer
  /** Of two sessions of alice, and one of bob. */
  readonly mine: string
  readonly other: string
  readonly bobs: string
  readonly mineKey: SessionKey
  readonly reports: Report[]
  /** The current cookie of the session that is to be spared. */
  spared: string
  steps: number
}

const silent = { warn: () => {}, error: () => {} }

function sessionsOn(
  world: Pick<World, 'clock' | 'events' | 'told' | 'random'>,
  store: SessionStore,
  skew = 0,
): Sessions<Data> {
  const sessions = createSessions<Data>({
    store,
    now: () => world.clock.now + skew,
    sleep: async () => {},
    randomBytes: world.random,
    lifetime: '1d',
    events: world.events,
    logger: silent,
  })
  if (world.events) sessions.onDelete(({ key, reason }) => void world.told.push(`${key} ${reason}`))
  return sessions
}

function cookieOf(setCookie: readonly string[]): string | null {
  const [pair] = setCookie[0]?.split(';') ?? []
  return pair === undefined || pair.endsWith('=') ? null : pair
}

function seeded(seed: string): (size: number) => Buffer {
  let drawn = 0
  return (size) => {
    drawn += 1
    return createHash('sha512').update(`${seed} ${drawn}`).digest().subarray(0, size)
  }
}

async function loginAs(sessions: Sessions<Data>, user: string): Promise<string> {
  const session = await sessions.open({ secure: true }).load()
  await session.login(user)
  return cookieOf((await sessions.commit(session)).setCookie) as string
}

function actorOf(world: World, kind: Kind, index: number): Actor {
  const report: Report = {
    kind,
    user: 'alice',
    called: null,
    logged: null,
    resolved: null,
    result: null,
    cookie: null,
  }
  world.reports.push(report)
  const tick = (): number => {
    world.steps += 1
    return world.steps
  }
  return async (gate, step) => {
    const sessions = sessionsOn(world, gate(world.store), world.skew[index] ?? 0)
    try {
      if (kind === 'login' || kind === 'slow login') {
        const session = await sessions.open({ secure: true }).load()
        report.called = tick()
        await session.login('alice')
        report.logged = tick()
        // What the handler does before its response leaves.
        if (kind === 'slow login') await step()
        report.cookie = cookieOf((await sessions.commit(session)).setCookie)
      } else if (kind === 'kill' || kind === 'kill but mine') {
        report.called = tick()
        const options = kind === 'kill' ? {} : { except: world.mineKey }
        await sessions.killSessionByUser('alice', options)
        // At once, for whoever comes now.
        const looks = sessionsOn(world, world.store)
        const gone = [world.other, ...(kind === 'kill' ? [world.spared] : [])]
        for (const cookie of gone) {
          const look = await looks.open({ cookie, secure: true }).load()
          expect(look.loadOutcome, 'a session of before, after the kill').not.toBe('live')
        }
      } else {
        const session = await sessions.open({ cookie: world.mine, secure: true }).load()
        report.called = tick()
        if (kind === 'cycleKey') await session.cycleKey()
        else session.set('n', 1)
        const cookie = cookieOf((await sessions.commit(session)).setCookie)
        // A change of what has ended is a new session of nobody.
        if (kind === 'cycleKey' && cookie !== null) world.spared = cookie
        report.cookie = cookie
      }
      report.result = 'stored'
    } catch (error) {
      if (error instanceof SessionGoneError) report.result = 'refused'
      else if (error instanceof SessionStoreError) report.result = 'error'
      else throw error
    } finally {
      report.resolved = tick()
    }
  }
}

async function check(world: World, path: Path): Promise<void> {
  const { reports, clock } = world
  const kills = reports.filter(({ kind }) => kind.startsWith('kill'))
  const done = kills.filter(({ result }) => result === 'stored')
  const logins = reports.filter(({ kind }) => kind.endsWith('login'))
  const looks = sessionsOn(world, world.store)
  const look = async (cookie: string): Promise<Session<Data>> =>
    await looks.open({ cookie, secure: true }).load()
  const isLive = async (cookie: string): Promise<boolean> =>
    (await look(cookie)).loadOutcome === 'live'

  const expectLogins = async (): Promise<void> => {
    for (const login of logins) {
      expect(login.cookie !== null, 'a cookie').toBe(login.result === 'stored')
      if (login.cookie === null) continue
      const later = kills.some((kill) => (kill.resolved ?? Infinity) > (login.called ?? 0))
      const live = await isLive(login.cookie)
      if (!later) expect(live, 'a login that was called after the kill had returned').toBe(true)
      for (const kill of done) {
        const wasBefore = (login.logged ?? Infinity) < (kill.called ?? 0)
        if (wasBefore) expect(live, 'a login that was called before the kill').toBe(false)
      }
    }
  }
  await expectLogins()
  expect(await isLive(world.bobs), 'the session of another user').toBe(true)

  // A login after it all, on a clock that is behind, lives whatever sweeps come.
  const late = await loginAs(sessionsOn(world, world.store, -2 * MINUTE), 'alice')
  clock.now += 10 * MINUTE
  await sessionsOn(world, world.store, 2 * MINUTE).startClearSessions()
  expect(await isLive(late), 'a login after the kill, after a sweep').toBe(true)
  await expectLogins()
  expect(await isLive(world.bobs), 'the session of another user').toBe(true)
  const killedAll = reports.some(({ kind, called }) => kind === 'kill' && called !== null)
  const cycles = reports.filter(({ kind }) => kind === 'cycleKey')
  // Where the answer was lost, or the process died, nobody has the cookie of the session that goes on.
  const isKnown = cycles.every(({ result }) => result === 'stored') && !hasMoved(reports, path)
  if (!killedAll && isKnown) {
    expect(await isLive(world.spared), 'the session that was excepted').toBe(true)
  }
  // Nothing that a kill meant is left: what lives of alice has a cookie that somebody was given.
  const given = [late, world.spared, world.mine, ...logins.map(({ cookie }) => cookie)]
  const known = new Set<string>()
  for (const cookie of given) {
    if (cookie === null) continue
    const { key } = await look(cookie)
    if (key !== null) known.add(key)
  }
  const unknown: string[] = []
  for await (const { key } of looks.listSessionsByUser('alice')) {
    if (!known.has(key)) unknown.push(key)
  }
  // A login whose answer was lost is known to nobody, and lives if no kill came after it.
  const lost = reports.filter(({ result }) => result === 'error' || result === null)
  expect(unknown.length, 'sessions that nobody answers for').toBeLessThanOrEqual(
    lost.length + path.crashed.size,
  )
  // One session never ends twice, and what lives has not ended.
  const ids = new Map(world.told.map((line) => line.split(' ') as [string, string]))
  expect(new Set(world.told).size, 'reasons').toBe(ids.size)
  for (const key of known) expect(ids.has(key), 'an event for a session that lives').toBe(false)
  expect(ids.size === 0 || world.events).toBe(true)
}

/** Whether the key to spare was out of date before the kill looked for it: then it names nobody. */
function hasMoved(reports: readonly Report[], { steps }: Path): boolean {
  const [cycle, kill] = [
    reports.findIndex(({ kind }) => kind === 'cycleKey'),
    reports.findIndex(({ kind }) => kind === 'kill but mine'),
  ]
  const at = (step: string): number => steps.indexOf(step)
  return cycle >= 0 && at(`${cycle}:insert+delete`) < at(`${kill}:find`)
}

/** Runs these side by side in every order of their calls, and checks each time what must be true. */
export async function exploreKinds(
  kinds: readonly Kind[],
  {
    faults = 0,
    skew = [],
    events = false,
    seed = 'a',
  }: { faults?: number; skew?: readonly number[]; events?: boolean; seed?: string },
): Promise<number> {
  const clock = { now: START }
  const made = memoryStore({ now: () => clock.now })
  const before = { clock, events: false, told: [], random: seeded('before') }
  const setup = sessionsOn(before, made)
  const mine = await loginAs(setup, 'alice')
  const mineKey = (await setup.open({ cookie: mine, secure: true }).load()).key as SessionKey
  const [other, bobs] = [await loginAs(setup, 'alice'), await loginAs(setup, 'bob')]
  const { entries } = await made.page({ by: 'all' }, { limit: 10 })
  return await explore(
    () => {
      const time = { now: START + MINUTE }
      const store = memoryStore({ now: () => time.now })
      for (const { record } of entries) {
        if (record !== null) void store.write({ kind: 'insert', record })
      }
      const world: World = {
        ...{ store, clock: time, skew, events, told: [], reports: [], steps: 0 },
        random: seeded(seed),
        ...{ mine, other, bobs, mineKey, spared: mine },
      }
      const actors = kinds.map((kind, index) => actorOf(world, kind, index))
      return { actors, check: (path) => check(world, path) }
    },
    { faults, notes: true },
  )
}
