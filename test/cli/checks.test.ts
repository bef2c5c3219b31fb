import { describe, expect, it } from 'vitest'
import { cookieCheck, eventsCheck, openCallsCheck } from '../../src/cli/doctor/app-checks.ts'
import { type Check, ofError } from '../../src/cli/doctor/check.ts'
import { clockCheck } from '../../src/cli/doctor/clock.ts'
import { contractCheck, verdict } from '../../src/cli/doctor/contract.ts'
import { doctor } from '../../src/cli/doctor/doctor.ts'
import {
  cronFound,
  type LocatedCron,
  queueAt,
  queueFound,
  sweptCheck,
} from '../../src/cli/doctor/sweep-checks.ts'
import { satisfies, versionChecks } from '../../src/cli/doctor/versions.ts'
import { Output } from '../../src/cli/output.ts'
import { allNotes } from '../../src/cli/whole-store.ts'
import { createSessions, memoryStore, type SessionStore } from '../../src/index.ts'
import { type SessionsDoor, sessionsDoorOf } from '../../src/sessions-door.ts'
import type { StoreOperations } from '../../src/store/operations.ts'
import { shellLine } from '../../src/cli/setup/gcloud.ts'
import { Count } from '../../src/cli/stats.ts'
import { wrapped } from '../../src/cli/text.ts'
import type { RunInfo } from '../../src/sweep/status.ts'
import { KeptOutput } from './answers.ts'

const HOUR = 3_600_000

/** The calls of a store, except close(). */
function bound(store: SessionStore): Partial<SessionStore> {
  return {
    find: store.find.bind(store),
    write: store.write.bind(store),
    writeTogether: store.writeTogether.bind(store),
    writeWithNote: store.writeWithNote?.bind(store) as NonNullable<SessionStore['writeWithNote']>,
    writeEach: store.writeEach.bind(store),
    page: store.page.bind(store),
    pageKeys: store.pageKeys.bind(store),
    close: () => Promise.resolve(),
  }
}

describe('the checks of viur-session doctor', () => {
  it.each([
    ['1.14.7', '>=1.12', true],
    ['1.12.0', '>=1.12', true],
    ['1.11.9', '>=1.12', false],
    ['9.0.0', '>=9', true],
    ['8.99.1', '>=9', false],
    ['20.19.0', '>=20.19', true],
    ['20.9.0', '>=20.19', false],
    ['22.0.0', '>=20.19', true],
    ['10.1.0-rc.1', '>=10', true],
    ['2.0.0', 'anything', true],
  ])('take %s for %s: %s', (version, needs, is) => {
    expect(satisfies(version, needs)).toBe(is)
  })

  it('report versions of Node and the app that are too old, and nothing for an app without the package', () => {
    const facts = { node: '18.0.0', nodeNeeds: '>=20.19', own: '1.2.0', packages: [] }
    expect(versionChecks({ ...facts, ofTheApp: null }).map(({ state }) => state)).toEqual([
      'failure',
      'ok',
      'ok',
    ])
    expect(versionChecks({ ...facts, ofTheApp: '1.3.0' })[1]).toMatchObject({ state: 'warning' })
    expect(versionChecks({ ...facts, ofTheApp: '1.1.9' })[1]).toMatchObject({ state: 'failure' })
  })

  it.each([
    [0, 'ok'],
    [-9000, 'ok'],
    [30_000, 'warning'],
    [-61_000, 'failure'],
    [null, 'warning'],
  ])('take a clock that is %s ms ahead for: %s', (ahead, state) => {
    expect(clockCheck(ahead)).toMatchObject({ name: 'clock', state })
  })

  const cookie = {
    name: '__Host-viur-session',
    secure: true,
    httpOnly: true,
    sameSite: 'lax',
    signed: false,
  }

  it.each([
    [{}, true, 'ok'],
    [{ secure: false }, true, 'failure'],
    [{ secure: false }, false, 'ok'],
    [{ httpOnly: false }, true, 'warning'],
  ])('take the cookie %j, deployed %s, for: %s', (more, isDeployed, state) => {
    expect(cookieCheck({ ...cookie, ...more }, isDeployed)).toMatchObject({ state })
  })

  it.each([
    [{ page: 200, routes: 401 }, false, 'ok'],
    [{ page: 200, routes: 403 }, false, 'ok'],
    [{ page: 200, routes: 200 }, false, 'failure'],
    [{ page: 200, routes: 302 }, false, 'failure'],
    [{ page: 200, routes: 404 }, false, 'warning'],
    [{ page: null, routes: null }, false, 'failure'],
    [{ page: 200, routes: 401 }, true, 'failure'],
    [{ page: 403, routes: 403 }, true, 'ok'],
  ])('take what a stranger gets, %j, IAM %s, for: %s', (calls, isPrivate, state) => {
    expect(openCallsCheck(calls, isPrivate)).toMatchObject({ state })
  })

  it.each([
    [false, false, false, 'ok'],
    [true, true, false, 'ok'],
    [false, true, false, 'ok'],
    [true, false, false, 'failure'],
    [true, false, true, 'warning'],
  ])('take events, on %s, of the app %s, made %s, for: %s', (isOn, ofTheApp, isMade, state) => {
    expect(eventsCheck(isOn, ofTheApp, isMade)).toMatchObject({ state })
  })

  const sweep = (ago: number): RunInfo => ({ started: new Date(100 * HOUR - ago) }) as RunInfo

  it.each([
    ['nothing ever swept', null, 'warning', /^no sweep ever ran/],
    ['no sweep ran for a day', sweep(25 * HOUR), 'warning', /^the last sweep began 25 hours/],
    ['a sweep ran this hour', sweep(HOUR), 'ok', /^the last sweep began 1 hours ago$/],
  ])('say that %s, where no job of Google Cloud starts sweeps', (_, lastSweep, state, says) => {
    const told = sweptCheck(lastSweep, 100 * HOUR)
    expect(told).toMatchObject({ name: 'sweep', state, says: expect.stringMatching(says) })
  })

  it('look at the sweeps of a file of SQLite', async () => {
    const sessions = createSessions({ store: memoryStore() })
    const door = sessionsDoorOf(sessions) as SessionsDoor
    const examined = async (storeName: string) => {
      const output = new KeptOutput()
      const app = { sessions, door: { ...door, storeName } }
      await doctor({ app, output, signal: new AbortController().signal }, { json: true })
      const [{ checks }] = output.answers as [{ checks: Check[] }]
      return checks.filter(({ name }) => name === 'sweep')
    }
    expect(await examined('memory')).toEqual([])
    expect(await examined('sqlite')).toMatchObject([{ state: 'warning' }])
    await sessions.startClearSessions()
    expect(await examined('sqlite')).toMatchObject([{ state: 'ok' }])
  })

  const cron = (more: Partial<LocatedCron>): LocatedCron => ({
    project: 'shop',
    region: 'europe-west1',
    lastSweep: null,
    now: 100 * HOUR,
    http: null,
    isAppEngine: false,
    routes: '/_sessions',
    ...more,
  })

  const JOB = {
    name: 'projects/shop/locations/europe-west1/jobs/mine',
    httpTarget: { uri: 'https://x/_sessions/cron?a=b' },
  }

  it.each([
    ['a job, and a sweep of this hour', { lastSweep: sweep(HOUR) }, [JOB], 'ok'],
    ['a job, and no sweep yet', {}, [JOB], 'ok'],
    ['a job, and no sweep for a day', { lastSweep: sweep(25 * HOUR) }, [JOB], 'warning'],
    ['no job, and a sweep of this hour', { lastSweep: sweep(HOUR) }, [], 'ok'],
    ['no job, and no sweep for a day', { lastSweep: sweep(25 * HOUR) }, [], 'failure'],
    [
      'a job of App Engine',
      { isAppEngine: true },
      [{ name: 'x/y', appEngineHttpTarget: { relativeUri: '/_sessions/cron' } }],
      'ok',
    ],
    [
      'nobody to ask, and a sweep of this hour',
      { lastSweep: sweep(HOUR) },
      { is: 'unknown' as const, why: 'x' },
      'ok',
    ],
    ['nobody to ask, and no sweep', {}, { is: 'unknown' as const, why: 'x' }, 'warning'],
  ])('take %s for right or wrong', (_, more, found, state) => {
    expect(cronFound(cron(more), found)).toMatchObject({ state })
  })

  it('name the command that creates the job, for App Engine and for others', () => {
    expect(cronFound(cron({ isAppEngine: true }), []).cure).toBe(
      'gcloud app deploy cron.yaml --project=shop',
    )
    const http = { url: 'https://x.example.com/_sessions/task', account: 'a@b.example.com' }
    expect(cronFound(cron({ http }), []).cure).toContain(
      '--uri=https://x.example.com/_sessions/cron --http-method=GET --oidc-service-account-email=a@b.example.com --oidc-token-audience=https://x.example.com',
    )
  })

  it('warn of a queue that gives up at once', () => {
    const queue = queueAt({ project: 'shop', region: 'r' }, 'q')
    const found = (body: object) => queueFound(queue, { is: 'found', body: { ...body } })
    expect(found({ retryConfig: { maxAttempts: 1 } })).toMatchObject({ state: 'warning' })
    expect(found({ retryConfig: { maxAttempts: -1 } })).toMatchObject({ state: 'ok' })
    expect(found({ state: 'DISABLED' })).toMatchObject({ state: 'failure' })
  })

  it('name the first command of an error as the cure, and none where it names none', () => {
    const error = new Error('no rights: run "gcloud x --y=\'a b\'", or correct "PROJECT"')
    expect(ofError('store', error)).toMatchObject({ cure: "gcloud x --y='a b'" })
    expect(ofError('store', new Error('it broke'))).not.toHaveProperty('cure')
  })

  it('run the contract in namespaces of its own, which are empty afterwards', async () => {
    const stores = new Map<string, SessionStore>()
    const operations = {
      beside: (space: string) => {
        const store = memoryStore()
        stores.set(space, store)
        // A closed store would have forgotten everything anyway.
        return Object.assign(Object.create(store) as SessionStore, bound(store))
      },
    } as unknown as StoreOperations
    const { signal } = new AbortController()
    expect(await contractCheck(operations, new Output(true), signal)).toMatchObject({
      name: 'contract',
      state: 'ok',
    })
    expect(stores.size).toBeGreaterThan(100)
    for (const [space, { page, notes, keys }] of stores) {
      expect(space).toMatch(/^doctor-[0-9a-f]{16}-\d+$/)
      const store = stores.get(space) as SessionStore
      expect((await page.call(store, { by: 'all' }, { limit: 1 })).entries).toEqual([])
      expect(await allNotes(notes)).toEqual([])
      for (let shard = 0; shard < 16; shard++) {
        expect((await keys.page({ shard, upTo: 8e15 }, { limit: 1 })).names).toEqual([])
      }
    }
  })

  it('run no test of the contract after a request to stop', async () => {
    const operations = { beside: () => memoryStore() } as unknown as StoreOperations
    const check = await contractCheck(operations, new Output(true), AbortSignal.abort())
    expect(check.says).toMatch(/^stopped after 0 of \d+ tests$/)
  })

  it('report the result of the contract', () => {
    const all = { failed: [], done: 3, of: 3, isStopped: false }
    expect(verdict(all)).toMatchObject({ state: 'ok' })
    expect(verdict({ ...all, failed: [{ name: 'a test', why: 'so' }] })).toMatchObject({
      state: 'failure',
      says: '1 of 3 tests failed; the first, "a test": so',
    })
    expect(verdict({ ...all, done: 1, isStopped: true })).toMatchObject({ state: 'failure' })
  })
})

describe('the output of viur-session', () => {
  it('quotes characters that the shell would interpret', () => {
    expect(shellLine(['a', '--b=c d', "--e='", '--uri=$URL/x', '--d=(default)'])).toBe(
      `a --b='c d' --e=''\\''' "--uri=$URL/x" --d='(default)'`,
    )
  })

  it('breaks lines between words, and no word', () => {
    expect(wrapped('one two three four', 10, 2)).toEqual(['one two', '  three', '  four'])
    expect(wrapped('a'.repeat(50), 10, 2)).toEqual(['a'.repeat(50)])
    expect(wrapped('one two', 0, 2)).toEqual(['one two'])
    expect(wrapped('  in front', 6, 2)).toEqual(['  in', '  front'])
  })

  it('counts zero in an empty store', () => {
    expect(new Count(2, 0).result(true)).toEqual({
      live: 0,
      guests: 0,
      users: 0,
      waiting: 0,
      unreadable: 0,
      bytes: { total: 0, median: 0, p95: 0, largest: 0 },
      shards: [0, 0],
      expiry: [],
      complete: true,
    })
  })
})
