import type { SessionStore } from '../../src/index.ts'
import type { FailingStore } from '../../src/testing/index.ts'
import { Harness } from './harness.ts'

type Data = Record<string, unknown>
type Identity = 'login' | 'logout' | 'reset' | 'cycleKey'

export const IDENTITY: readonly Identity[] = ['login', 'logout', 'reset', 'cycleKey']

/** Every identity method, with a session that is loaded lazily and with one that is not. */
export const WAYS = IDENTITY.flatMap((method) => [
  [method, true] as const,
  [method, false] as const,
])

/** Waits for this many turns of promises. */
export async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick++) await null
}

/** The stored user, with the data. */
export async function records(store: SessionStore | FailingStore): Promise<[string, string][]> {
  const { entries } = await store.page({ by: 'all' }, { limit: 100 })
  return entries.map(({ record }) => [record?.user ?? '', record?.data ?? ''])
}

/**
 * Begins the method, a change and a save after each of these numbers of turns, and returns those at which the method
 * was lost.
 */
export async function lostAmong(
  method: Identity,
  lazy: boolean,
  steps: readonly number[],
): Promise<string[]> {
  const lost: string[] = []
  for (const before of steps) {
    for (const setting of steps) {
      for (const saving of steps) {
        const app = new Harness<Data>()
        const cookie = await app.given({ x: 1 })
        const session = lazy ? app.open(cookie) : await app.load(cookie)
        await Promise.all([
          ticks(before).then(() => session[method]('alice')),
          ticks(setting)
            .then(() => session.load())
            .then(() => session.set('x', 2).save()),
          ticks(saving).then(() => session.save()),
        ])
        const { cookie: after } = await app.commit(session, cookie)
        const now = await app.load(after)
        const old = (await app.load(cookie)).loadOutcome
        const many = (await records(app.store)).length > 1
        if (old !== 'unknown' || many || (method === 'login' && now.user !== 'alice')) {
          lost.push(`${before}, ${setting}, ${saving}: ${old}, ${now.user}`)
        }
      }
    }
  }
  return lost
}
