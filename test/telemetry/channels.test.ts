import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it, onTestFinished } from 'vitest'
import type {
  CommitTrace,
  Happening,
  LoadTrace,
  StepTrace,
  StoreAsk,
  StoreCall,
} from '../../src/index.ts'
import { createSessions, memoryStore, SessionStoreError } from '../../src/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { failingStore } from '../../src/testing/index.ts'
import { DAY, Harness, HOUR, keyOfCookie } from '../request/harness.ts'
import { type SiteOptions, site } from '../setup/site.ts'
import { MEMORY } from '../setup/stores.ts'
import { FakeClient, gate, grpcError, keyNamed } from '../store/datastore/fake.ts'
import { hear, hearEnds, TRACES } from './hearing.ts'

type Of<Kind extends Happening['kind']> = Extract<Happening, { kind: Kind }>

const routes: NonNullable<SiteOptions['routes']> = (app) => {
  app.get('/key', async (req, res) => void res.send(await req.session.getSecurityKey()))
  app.get('/use/:key', async (req, res) => {
    res.json(await req.session.validateSecurityKey(req.params.key))
  })
}

describe('a load is published', () => {
  it('with its outcome, also when it has no session and ends at once', async () => {
    const loads = hearEnds<LoadTrace>('load')
    const app = new Harness()
    const cookie = await app.given()
    await app.load(cookie)
    app.clock.advance(2 * HOUR)
    await app.load(cookie)
    await app.load(`__Host-viur-session=${'A'.repeat(42)}g`)
    expect(loads.map(({ outcome }) => outcome)).toEqual(['none', 'live', 'expired', 'unknown'])
    expect(loads.map(({ duration }) => typeof duration)).toEqual(Array(4).fill('number'))
    expect(loads.some((load) => 'error' in load)).toBe(false)
  })

  it('with its error, when the store is down', async () => {
    const loads = hearEnds<LoadTrace>('load')
    const failures = hear<LoadTrace>('tracing:viur-session:load:error')
    const app = new Harness()
    const cookie = await app.given()
    app.store.failNext('before', {
      method: 'find',
      error: new SessionStoreError('down', { retryable: false }),
    })
    await expect(app.load(cookie)).rejects.toThrow('down')
    const [, failed] = loads
    expect(failed).toMatchObject({ outcome: null, error: { message: 'down' } })
    expect(failures).toHaveLength(1)
  })

  it('as a read from memory', async () => {
    const loads = hearEnds<LoadTrace>('load')
    const app = new Harness({ readCache: { maxAge: '10s' } })
    const cookie = await app.given()
    await app.visit(() => {}, { cookie, method: 'GET' })
    expect(loads.at(-1)).toMatchObject({ outcome: 'live', remembered: true })
    await app.visit(() => {}, { cookie, method: 'POST' })
    expect(loads.at(-1)).toMatchObject({ outcome: 'live', remembered: false })
  })
})

describe('a commit is published', () => {
  it('with its result', async () => {
    const commits = hearEnds<CommitTrace>('commit')
    const app = new Harness()
    const cookie = await app.given()
    await app.visit(() => {}, { cookie })
    app.clock.advance(HOUR / 2)
    await app.visit((session) => session.get('views'), { cookie, status: 404 })
    await app.visit(
      async (session) => {
        session.set('views', 2)
        await app.sessions.killSession(keyOfCookie(cookie))
      },
      { cookie },
    )
    expect(commits.map(({ outcome, status }) => [outcome, status])).toEqual([
      ['stored', 200],
      ['unchanged', 200],
      ['touched', 404],
      ['gone', 200],
    ])
  })

  it('with its error, when its changes could not be stored', async () => {
    const commits = hearEnds<CommitTrace>('commit')
    const app = new Harness()
    const cookie = await app.given()
    app.store.failNext('before', {
      method: 'write',
      error: new SessionStoreError('down', { retryable: false, effect: 'none' }),
    })
    const visit = app.visit((session) => session.set('views', 2), { cookie })
    await expect(visit).rejects.toThrow('down')
    expect(commits.at(-1)).toMatchObject({ outcome: null, error: { message: 'down' } })
  })
})

describe('a call to the store is published', () => {
  it('with its method, its keys and its outcome, for every store', async () => {
    const app = new Harness()
    const cookie = await app.given()
    const calls = hearEnds<StoreCall>('store-call')
    await app.visit((session) => session.set('views', 2), { cookie })
    const brief = calls.map(({ store, method, keys, requests, outcome }) => [
      store,
      method,
      keys,
      requests,
      outcome,
    ])
    expect(brief).toEqual([
      [app.store.name, 'find', 1, 1, 'answered'],
      [app.store.name, 'write', 1, 1, 'answered'],
    ])
  })

  it('once, for all requests that share it, and names each of them', async () => {
    const asks = hear<StoreAsk>('viur-session:store-ask')
    const calls = hearEnds<StoreCall>('store-call')
    const client = new FakeClient()
    const store = datastoreStore({ client, projectId: 'p' })
    await Promise.all(['a', 'b', 'b'].map((name) => store.find(keyNamed(name))))
    expect(calls).toHaveLength(1)
    expect(calls[0]).toMatchObject({
      store: 'datastore',
      method: 'lookup',
      keys: 2,
      requests: 3,
      waiting: 0,
      outcome: 'answered',
      code: null,
    })
    expect(asks).toHaveLength(3)
    expect(calls[0]?.askers).toEqual(asks)
    expect(calls[0]?.askers.every((ask, at) => ask === asks[at])).toBe(true)
  })

  it('as a conflict when its condition failed, and as failed when the server refused it', async () => {
    const calls = hearEnds<StoreCall>('store-call')
    const client = new FakeClient()
    const store = datastoreStore({ client, projectId: 'p', sharedWrites: 'off' })
    const codes = [10, 5, 14, 7]
    client.script = (call, serve) => {
      if (call.method !== 'commit') return serve()
      throw grpcError(codes.shift() ?? 13)
    }
    const deletion = { kind: 'delete', key: keyNamed('a'), version: '1' } as const
    expect(await store.write(deletion)).toEqual({ outcome: 'conflict' })
    expect(await store.write(deletion)).toEqual({ outcome: 'conflict' })
    await expect(store.write(deletion)).rejects.toThrow(SessionStoreError)
    await expect(store.write(deletion)).rejects.toThrow(SessionStoreError)
    expect(calls.map(({ outcome, code }) => [outcome, code])).toEqual([
      ['conflict', 10],
      ['conflict', 5],
      ['failed', 14],
      ['failed', 7],
    ])
  })

  it('with the number of waiting calls', async () => {
    const calls = hearEnds<StoreCall>('store-call')
    const client = new FakeClient()
    const held = gate()
    client.script = async (_call, serve) => {
      await held.opened
      return serve()
    }
    const store = datastoreStore({ client, projectId: 'p' })
    const finds = Array.from({ length: 150 }, (_, at) => store.find(keyNamed(String(at))))
    await new Promise((resolve) => setImmediate(resolve))
    held.open()
    await Promise.all(finds)
    expect(calls.map(({ keys, waiting }) => [keys, waiting])).toEqual([
      [100, 50],
      [50, 0],
    ])
  })
})

describe('events are published', () => {
  it('ends, each once, with their reason and their cause', async () => {
    for (const events of [false, true]) {
      const ends = hear<Of<'end'>>('viur-session:end')
      const s = await site(MEMORY, { events })
      const all = (): string[] =>
        ends.splice(0).flatMap(({ reason, count }) => Array(count).fill(reason))
      await s.get('/set/seed')
      await s.get('/login/alice')
      expect(all()).toEqual(['login'])
      await s.get('/cycleKey')
      expect(all()).toEqual([])
      await s.get('/reset')
      expect(all()).toEqual(['reset'])
      await s.get('/login/alice')
      all()
      await s.get('/logout')
      expect(all()).toEqual(['logout'])
      await s.get('/login/bob')
      await s.sessions.killSessionByUser('bob')
      expect(all()).toEqual(['killed'])
      await s.get('/login/carol')
      all()
      const [carol] = await s.records()
      expect(await s.sessions.killSession(carol?.key as never)).toBe(true)
      expect(all()).toEqual(['killed'])
      await s.get('/set/seed')
      all()
      s.advance(180)
      expect((await s.sessions.startClearSessions()).ended).toBe(1)
      expect(all()).toEqual(['expired'])
    }
  })

  it('security keys that are made and used', async () => {
    const keys = hear<Of<'security-key'>>('viur-session:security-key')
    const s = await site(MEMORY, { routes })
    await s.get('/set/seed')
    const { body } = await s.get('/key')
    await s.get(`/use/${body}`)
    await s.get(`/use/${body}`)
    expect(keys).toEqual([
      { kind: 'security-key', what: 'minted', count: 1 },
      { kind: 'security-key', what: 'used', count: 1 },
    ])
  })

  it('retries, after trouble and after a conflict', async () => {
    const retries = hear<Of<'retry'>>('viur-session:retry')
    const app = new Harness()
    const cookie = await app.given()
    app.store.failNext('before', {
      method: 'find',
      error: new SessionStoreError('down', { retryable: true, effect: 'none' }),
    })
    const session = await app.load(cookie)
    expect(retries).toEqual([{ kind: 'retry', why: 'trouble' }])
    await app.visit((other) => other.set('other', 1), { cookie })
    session.set('views', 2)
    await app.commit(session, cookie)
    expect(retries.map(({ why }) => why)).toEqual(['trouble', 'conflict'])
  })

  it('a held response, with its duration', async () => {
    const held = hear<Of<'held'>>('viur-session:held')
    const s = await site(MEMORY)
    await s.get('/static')
    expect(held).toEqual([])
    await s.get('/set/seed')
    expect(held).toEqual([{ kind: 'held', stored: true, duration: expect.any(Number) }])
    s.store.failNext('before', {
      method: 'write',
      error: new SessionStoreError('down', { retryable: false, effect: 'none' }),
    })
    expect((await s.get('/set/seed?to=x')).status).toBe(500)
    expect(held.at(-1)).toMatchObject({ stored: false })
  })

  it('the breaker, and the calls that it rejects', async () => {
    const breaker = hear<Of<'breaker'>>('viur-session:breaker')
    const away = hear<Of<'turned-away'>>('viur-session:turned-away')
    const client = new FakeClient()
    let isDown = true
    client.script = (_call, serve) => {
      if (isDown) throw grpcError(14)
      return serve()
    }
    const store = datastoreStore({ client, projectId: 'p' })
    for (let tries = 0; tries < 6; tries++) await store.find(keyNamed('a')).catch(() => {})
    expect(breaker).toEqual([
      { kind: 'breaker', store: 'datastore', method: 'lookup', state: 'open' },
    ])
    expect(away).toEqual([{ kind: 'turned-away', store: 'datastore', why: 'breaker', count: 1 }])
    isDown = false
    await expect
      .poll(() => store.find(keyNamed('a')).catch(() => 'down'), { timeout: 5000 })
      .toBe(null)
    expect(breaker.map(({ state }) => state)).toEqual(['open', 'closed'])
  })

  it('runs, their steps, and the result of status()', async () => {
    const runs = hear<Of<'run'>>('viur-session:run')
    const steps = hearEnds<StepTrace>('sweep-step')
    const status = hear<Of<'status'>>('viur-session:status')
    const app = new Harness()
    await app.given()
    app.clock.advance(DAY)
    await app.sessions.status()
    expect(status).toEqual([
      {
        kind: 'status',
        reachable: true,
        backlog: 1,
        backlogIsMore: false,
        oldestAge: DAY - HOUR,
        sweepAge: null,
        warnings: expect.any(Number),
      },
    ])
    await app.sessions.startClearSessions()
    expect(runs).toMatchObject([{ state: 'finished', iterator: 'DeleteSessionsIter', ended: 1 }])
    expect(steps).toMatchObject([{ outcome: 'finished', step: 1, scanned: 1, ended: 1 }])
    app.clock.advance(HOUR)
    await app.sessions.status()
    expect(status.at(-1)).toMatchObject({ backlog: 0, oldestAge: null, sweepAge: HOUR })
  })
})

describe('the channels', () => {
  it('hold no id, no key and no data', async () => {
    const said: unknown[] = []
    const note = (message: unknown): void => void said.push(message)
    const names = TRACES.flatMap((what) =>
      ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(
        (at) => `tracing:viur-session:${what}:${at}`,
      ),
    )
    for (const name of names) subscribe(name, note)
    onTestFinished(() => {
      for (const name of names) unsubscribe(name, note)
    })
    const s = await site(MEMORY, { routes })
    await s.get('/set/seed?to=hunter2')
    await s.get('/login/alice')
    await s.sessions.status()
    const text = JSON.stringify(said)
    expect(said.length).toBeGreaterThan(20)
    const [record] = await s.records()
    for (const secret of ['hunter2', 'alice', s.cookie()?.split('=')[1], record?.key]) {
      expect(text).not.toContain(secret)
    }
  })

  it('do not change the result of a call', async () => {
    for (const heard of [false, true]) {
      if (heard) for (const what of TRACES) hearEnds(what)
      const store = failingStore(memoryStore())
      const sessions = createSessions({ store })
      const session = sessions.open({ secure: true })
      expect(sessions.commit(await session.load())).toBeInstanceOf(Promise)
      expect(session.loadOutcome).toBe('none')
    }
  })
})
