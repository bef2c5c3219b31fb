import { FENCE_OF_ALL, fenceName } from '../../src/end/fences.ts'
import type { Report, World } from './fences.ts'

const ALICE = fenceName('alice')

/** A fence that rose. */
interface Raise {
  readonly at: number
  readonly actor: number
  readonly name: string
  readonly number: number
  /** Whether the kill excepts `mine`. */
  readonly spares: boolean
}

/** A session that an actor began, and the fences that its login read. */
interface Login {
  readonly actor: number
  readonly report: Report
  /** The keys of its session, also those that it gets later. */
  readonly keys: readonly string[]
  readonly insertedAt: number
  /** The times at which its actor got the numbers: before it was stored, and the last time. */
  readonly readAt: number
  readonly lastReadAt: number
}

/** Rules for every order of the calls. `alive`: the keys of the sessions that live at the end, after all sweeps. */
export function checkFences(world: World, alive: readonly string[]): void {
  const raises = raisesOf(world)
  const logins = loginsOf(world)
  checkLogins(world, raises, logins, alive)
  checkOldOnes(world, raises, alive)
  checkReturns(world, raises, logins)
  checkExcepted(world, raises)
  checkEvents(world, logins, alive)
}

function raisesOf({ effects, mine, reports }: World): Raise[] {
  const highest = new Map<string, number>()
  const raises: Raise[] = []
  for (const { at, actor, note } of effects) {
    if (note === undefined || note.isRead) continue
    const { name, number } = note
    if (number <= (highest.get(name) ?? 0)) continue
    highest.set(name, number)
    const hasFound = effects.some(
      (one) => one.actor === actor && one.at < at && one.found === mine.key,
    )
    const spares = reports[actor]?.kind === 'kill but mine' && hasFound
    raises.push({ at, actor, name, number, spares })
  }
  return raises
}

function loginsOf({ effects, reports }: World): Login[] {
  return reports.flatMap((report, actor) => {
    const own = effects.filter((one) => one.actor === actor)
    const inserts = own.filter(({ inserted }) => inserted !== undefined)
    const [first] = inserts
    if (first === undefined || !report.kind.endsWith('login')) return []
    const reads = own.filter(({ note }) => note?.name === ALICE).map(({ at }) => at)
    return {
      ...{ actor, report, insertedAt: first.at },
      keys: inserts.map(({ inserted }) => inserted?.key as string),
      readAt: reads.filter((at) => at < first.at).at(-1) as number,
      lastReadAt: reads.at(-1) as number,
    }
  })
}

function checkLogins(
  { reports }: World,
  raises: readonly Raise[],
  logins: readonly Login[],
  alive: readonly string[],
): void {
  for (const { report, keys, insertedAt, readAt, lastReadAt } of logins) {
    const lives = keys.some((key) => alive.includes(key))
    const after = raises.filter(({ at }) => at > readAt)
    const isStored = report.result === 'stored'
    // No client has the cookie of a login that crashed, and the last look may have come before it.
    const isOwnerless = !isStored && reports.some(({ kind }) => kind === 'later')
    if (after.length > 0 && !isOwnerless) {
      must(!lives, 'a login that was called before a kill ends')
    }
    if (after.length === 0 && isStored) {
      must(lives, 'a login that was called after the fence had risen lives')
    }
    if (report.result === 'refused') {
      must(after.length > 0, 'a kill that a login was refused for')
    }
    const ofUser = after.filter(({ name }) => name === ALICE)
    if (ofUser.some(({ at }) => at < insertedAt || at < lastReadAt)) {
      must(!isStored, 'no success of a login that was fenced')
    }
  }
  for (const report of reports) {
    if (!report.kind.endsWith('login')) continue
    must(
      (report.key !== null) === (report.result === 'stored'),
      'a cookie for a login that was told of success, and for no other',
    )
  }
}

/** The keys of the sessions that existed before, also those that they get later. */
function checkOldOnes(world: World, raises: readonly Raise[], alive: readonly string[]): void {
  const { mine, other, bobs, reports } = world
  const lives = (key: string): boolean => alive.includes(key)
  const ofAll = raises.some(({ name }) => name === FENCE_OF_ALL)
  must(lives(other.key) === (raises.length === 0), 'another session of the user lives until a kill')
  must(lives(bobs.key) === !ofAll, 'the session of another user lives until a kill of everybody')
  const living = keysOfMine(world).filter(lives)
  const endsItself = reports.some(({ kind }) => kind === 'relogin' || kind === 'logout')
  if (raises.some(({ spares }) => !spares)) {
    must(living.length === 0, 'nothing goes on of a session that was not excepted')
  } else if (!endsItself) {
    must(living.length === 1, 'the excepted session goes on')
  } else {
    must(living.length <= 1, 'no session goes on twice')
  }
  for (const { kind, key } of reports) {
    if (kind === 'cycleKey' && key !== null && living.length > 0 && key !== mine.key) {
      must(living.includes(key), 'the cookie of a cycled session is that of what goes on')
    }
  }
}

function keysOfMine({ mine, effects, reports }: World): string[] {
  const cycled = effects.filter(({ actor }) => reports[actor]?.kind === 'cycleKey')
  return [mine.key, ...cycled.flatMap(({ inserted }) => inserted?.key ?? [])]
}

/** The sessions that a kill must have ended when it returns. */
function checkReturns(world: World, raises: readonly Raise[], logins: readonly Login[]): void {
  world.reports.forEach(({ alive }, actor) => {
    const raise = raises.filter((one) => one.actor === actor).at(-1)
    if (alive === null || raise === undefined) return
    const meant = [
      world.other.key,
      ...(raise.spares ? [] : keysOfMine(world)),
      ...(raise.name === FENCE_OF_ALL ? [world.bobs.key] : []),
      ...logins.flatMap((login) => keysBefore(world, login, raise)),
    ]
    for (const key of meant)
      must(!alive.includes(key), 'a kill has ended its sessions when it returns')
  })
}

/** The keys of a login that was stored before the fence rose, also those that its session got later. */
function keysBefore(
  { effects }: World,
  { actor, keys, report, readAt }: Login,
  raise: Raise,
): string[] {
  const meant: string[] = []
  for (const { at, inserted } of effects) {
    if (inserted === undefined || !keys.includes(inserted.key) || readAt > raise.at) continue
    const next = effects[at + 1]
    const isCycled = report.kind === 'cycled login' && next?.actor === actor
    const hasBegunBefore = at < raise.at || (isCycled && meant.includes(next.ended ?? ''))
    if (hasBegunBefore) meant.push(inserted.key)
  }
  return meant
}

/** The excepted session has the kill's number before a pass begins, unless its key was cycled or a kill ends it. */
function checkExcepted({ mine, effects }: World, raises: readonly Raise[]): void {
  for (const { at, actor, number, spares } of raises) {
    if (!spares || raises.some((one) => one.at < at && !one.spares)) continue
    const first = effects.find((one) => one.actor === actor && one.at > at && one.isPage === true)
    if (first === undefined) continue
    const own = effects.filter(
      ({ updated, ended }) => updated?.key === mine.key || ended === mine.key,
    )
    const before = own.filter((one) => one.at < first.at).at(-1)
    if (before?.ended !== undefined) continue
    must((before?.updated?.fence ?? 0) >= number, 'the excepted session is given its number first')
  }
}

/** With events, every end has an event, and all events of one end have the same reason. */
function checkEvents(
  { events, told, other }: World,
  logins: readonly Login[],
  alive: readonly string[],
): void {
  const reasons = new Map<string, Set<string>>()
  for (const line of told) {
    const [key = '', reason = ''] = line.split(' ')
    reasons.set(key, new Set([...(reasons.get(key) ?? []), reason]))
  }
  for (const some of reasons.values()) must(some.size === 1, 'one event has one reason')
  for (const key of alive) must(!reasons.has(key), 'a live session has no event')
  if (!events) return
  for (const keys of [[other.key], ...logins.map((login) => login.keys)]) {
    const lives = keys.some((key) => alive.includes(key))
    must(lives || keys.some((key) => reasons.has(key)), 'an ended session has an event')
  }
}

/** Cheaper than `expect`, since there are hundreds of thousands of calls. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it does not hold that ${what}`)
}
