import { describe, expect, it } from 'vitest'
import {
  createSessions,
  memoryStore,
  type Session,
  SessionGoneError,
  type SessionStore,
  SessionStoreError,
  type Sessions,
} from '../../src/index.ts'
import { type Actor, explore, type Path } from './explorer.ts'
import { withoutRealTime } from './quiet.ts'

withoutRealTime()

const HOUR = 60 * 60 * 1000
const START = Date.UTC(2026, 0, 1)

type Kind = 'change' | 'touch' | 'login' | 'logout' | 'reset' | 'cycleKey' | 'expiry'

const KINDS: readonly Kind[] = ['change', 'touch', 'login', 'logout', 'reset', 'cycleKey', 'expiry']

/** The result that one actor got. `null`: it crashed. */
interface Report {
  readonly kind: Kind
  readonly actor: number
  loaded: boolean
  result: 'stored' | 'gone' | 'error' | null
  cookie: string | null
  /** The time of its commit, by the clock of the model. */
  at: number
}

interface World {
  readonly store: SessionStore
  readonly clock: { now: number; expired: boolean }
  readonly cookie: string
  readonly reports: Report[]
  readonly slow: boolean
}

const silent = { warn: () => {} }

function sessionsOn(
  world: Pick<World, 'clock'>,
  store: SessionStore,
): Sessions<Record<string, unknown>> {
  return createSessions<Record<string, unknown>>({
    store,
    now: () => world.clock.now,
    sleep: async () => {},
    persistentFieldsOnLogin: ['seed', 'c0', 'c1', 'c2'],
    logger: silent,
  })
}

function cookieOf(setCookie: readonly string[]): string | null {
  const [pair] = setCookie[0]?.split(';') ?? []
  return pair === undefined || pair.endsWith('=') ? null : pair
}

const actions: Record<Exclude<Kind, 'expiry'>, (session: Session, actor: number) => unknown> = {
  change: (session, actor) => session.set(`c${actor}`, actor),
  touch: (session) => session.has('seed'),
  login: (session, actor) => session.login(`user${actor}`),
  logout: (session) => session.logout(),
  reset: (session) => session.reset(),
  cycleKey: (session) => session.cycleKey(),
}

/** A session that an earlier request stored. Every actor has its cookie. */
async function prepare(): Promise<World> {
  const clock = { now: START, expired: false }
  const store = memoryStore({ now: () => clock.now })
  const sessions = sessionsOn({ clock }, store)
  const first = await sessions.open({ secure: true }).load()
  first.set('seed', 1)
  const cookie = cookieOf((await sessions.commit(first)).setCookie) as string
  // From here on a touch is due for every use of the session.
  clock.now += 10 * 60 * 1000
  return { store, clock, cookie, reports: [], slow: false }
}

function actorOf(
  world: World,
  kind: Kind,
  actor: number,
  managers: Sessions<Record<string, unknown>>[] | null,
): Actor {
  const report: Report = { kind, actor, loaded: false, result: null, cookie: null, at: 0 }
  world.reports.push(report)
  return async (gate, step) => {
    if (kind === 'expiry') {
      await step()
      world.clock.now += 2 * HOUR
      world.clock.expired = true
      report.result = 'stored'
      return
    }
    const sessions = managers?.[actor] ?? sessionsOn(world, gate(world.store))
    const session = sessions.open({ cookie: world.cookie, secure: true })
    try {
      await session.load()
      report.loaded = session.loadOutcome === 'live'
      // The clock may advance while the handler runs.
      if (world.slow) await step()
      await actions[kind](session, actor)
      report.at = world.clock.now
      const { setCookie } = await sessions.commit(session)
      report.cookie = cookieOf(setCookie)
      report.result = session.ended && kind !== 'logout' ? 'gone' : 'stored'
    } catch (error) {
      // A login whose commit comes more than half an hour after its call is refused: its fence may be gone by then.
      const isLate = kind === 'login' && error instanceof SessionGoneError && world.clock.expired
      if (!isLate && !(error instanceof SessionStoreError)) throw error
      report.result = isLate ? 'gone' : 'error'
    }
  }
}

/** Rules for every order of the calls. */
async function check(world: World, path: Path): Promise<void> {
  const reader = sessionsOn(world, world.store)
  const { reports, clock } = world
  const look = async (cookie: string): Promise<Session> =>
    await reader.open({ cookie, secure: true }).load()
  const original = await look(world.cookie)
  const stored = (kind: Kind): Report[] =>
    reports.filter((report) => report.kind === kind && report.loaded && report.result === 'stored')
  const enders = [
    ...stored('login'),
    ...stored('logout'),
    ...stored('reset'),
    ...stored('cycleKey'),
  ]
  const unsure = reports.filter((report) => report.result === null || report.result === 'error')

  // No ended session comes back.
  if (enders.length > 0) expect(original.loadOutcome, 'the ended session').not.toBe('live')
  if (clock.expired) expect(original.loadOutcome, 'the expired session').not.toBe('live')
  // No session ends unless an actor ended it.
  if (
    enders.length === 0 &&
    !clock.expired &&
    !unsure.some(({ kind }) => kind in actions && kind !== 'change' && kind !== 'touch')
  ) {
    expect(original.loadOutcome, 'the session that nobody ended').toBe('live')
  }
  // No data of an expired session continues under another id.
  for (const late of enders.filter(({ at }) => at >= START + 2 * HOUR)) {
    expect(late.kind, 'a replacement of the expired session').not.toBe('cycleKey')
    if (late.kind === 'login') expect((await look(late.cookie as string)).has('seed')).toBe(false)
  }
  // Only one request can have replaced the session; a login that came too late began a separate session.
  expect(stored('cycleKey').length + stored('reset').length, 'replacements').toBeLessThanOrEqual(1)

  // No login is lost, and each has its own user.
  for (const login of reports.filter(
    ({ kind, result }) => kind === 'login' && result === 'stored',
  )) {
    expect(login.cookie, 'the cookie of a login').not.toBeNull()
    if (login.at + HOUR < clock.now) continue
    const session = await look(login.cookie as string)
    expect(session.loadOutcome, 'the login').toBe('live')
    expect(session.user).toBe(`user${login.actor}`)
  }

  // No change is lost: if the answer was "stored", the change is in the session, also under a later key.
  const successors = [...stored('cycleKey'), ...stored('login')].filter(
    ({ cookie }) => cookie !== null,
  )
  const lineage: Session[] = original.loadOutcome === 'live' ? [original] : []
  for (const { cookie } of successors) lineage.push(await look(cookie as string))
  const carrying = lineage.filter(
    (session) => session.loadOutcome === 'live' && session.has('seed'),
  )
  for (const change of stored('change')) {
    for (const session of carrying)
      expect(session.get(`c${change.actor}`), `the change of ${change.actor}`).toBe(change.actor)
  }

  // Only a crash or a lost answer may leave a record that belongs to no actor.
  const page = await world.store.page({ by: 'all' }, { limit: 100 })
  const answered =
    (original.loadOutcome === 'live' || clock.expired ? 1 : 0) +
    reports.filter(({ cookie }) => cookie !== null && cookie !== world.cookie).length
  expect(page.entries.length, 'records').toBeLessThanOrEqual(answered + unsure.length)
  expect(path.crashed.size).toBeLessThanOrEqual(path.faults)
}

function scenarios(size: number): Kind[][] {
  const lists = (from: number, left: number): Kind[][] =>
    left === 0
      ? [[]]
      : KINDS.slice(from).flatMap((kind, index) =>
          lists(from + index, left - 1).map((rest) => [kind, ...rest]),
        )
  // One advance of the clock is enough, and the clock alone makes no race.
  return lists(0, size).filter((kinds) => kinds.filter((kind) => kind === 'expiry').length <= 1)
}

async function exploreKinds(
  kinds: readonly Kind[],
  faults: number,
  sameProcess: boolean,
): Promise<number> {
  const template = await prepare()
  const page = await template.store.page({ by: 'all' }, { limit: 1 })
  return await explore(
    () => {
      const clock = { ...template.clock }
      const store = memoryStore({ now: () => clock.now })
      for (const entry of page.entries)
        if (entry.record !== null) void store.write({ kind: 'insert', record: entry.record })
      const slow = kinds.includes('expiry')
      const world: World = { store, clock, cookie: template.cookie, reports: [], slow }
      const shared: Sessions<Record<string, unknown>>[] = []
      const actors = kinds.map((kind, actor): Actor => {
        const one = actorOf(world, kind, actor, sameProcess ? shared : null)
        return async (gate, step) => {
          if (sameProcess) {
            // All actors in one process: one manager, and the gate of the first actor.
            shared[0] ??= sessionsOn(world, gate(store))
            shared[actor] = shared[0]
          }
          await one(gate, step)
        }
      })
      return { actors, check: (path) => check(world, path) }
    },
    { faults },
  )
}

describe('every interleaving, each actor in a process of its own', () => {
  it.each(scenarios(2))('of %s and %s, with a fault at every call', async (...kinds) => {
    expect(await exploreKinds(kinds, 1, false)).toBeGreaterThan(1)
  })

  it.each(scenarios(2))('of %s and %s, with two faults', async (...kinds) => {
    expect(await exploreKinds(kinds, 2, false)).toBeGreaterThan(1)
  })

  it.each(scenarios(3))('of %s, %s and %s', async (...kinds) => {
    expect(await exploreKinds(kinds, 0, false)).toBeGreaterThan(1)
  })
})

describe('every interleaving, all actors in one process', () => {
  it.each(scenarios(2))('of %s and %s, with a failing answer at every call', async (...kinds) => {
    expect(await exploreKinds(kinds, 0, true)).toBeGreaterThan(0)
  })
})
