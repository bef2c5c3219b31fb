import { readFileSync } from 'node:fs'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import * as conventions from '@opentelemetry/semantic-conventions'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { SessionConfigError, SessionStoreError } from '../../src/index.ts'
import { tell } from '../../src/record/happenings.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { startTelemetry, type TelemetryOptions } from '../../src/telemetry/index.ts'
import { ATTRIBUTES, INSTRUMENTS } from '../../src/telemetry/names.ts'
import { HOUR } from '../request/harness.ts'
import { type SiteOptions, site } from '../setup/site.ts'
import { MEMORY } from '../setup/stores.ts'
import { FakeClient, grpcError, keyNamed } from '../store/datastore/fake.ts'
import { plain, pointsOf, receiver } from './receiver.ts'

const page = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8')

const routes: NonNullable<SiteOptions['routes']> = (app) => {
  app.get('/key', async (req, res) => void res.send(await req.session.getSecurityKey()))
}

/** Telemetry that goes to a receiver, until the end of the test. */
async function telemetry(options: TelemetryOptions = {}) {
  const received = await receiver()
  const { meterProvider, tracerProvider } = received
  const stop = startTelemetry({ meterProvider, tracerProvider, ...options })
  onTestFinished(stop)
  return { ...received, stop }
}

describe('metrics', () => {
  it('all arrive under the names and units of the table', async () => {
    const { metrics, text } = await telemetry({ sessions: { status: async () => ({}) as never } })
    const s = await site(MEMORY, { routes })
    await s.get('/set/seed?to=hunter2')
    await s.get('/key')
    await s.get('/login/alice')
    await s.get('/_sessions/cron', { headers: { 'x-forwarded-for': '203.0.113.9' } })
    const slow = await s.held('/set/a')
    await (await site(MEMORY, { beside: s })).get('/set/b')
    await slow.finish()
    s.advance(180)
    await s.sessions.status()
    await s.sessions.startClearSessions()
    const client = new FakeClient()
    client.script = () => {
      throw grpcError(14)
    }
    const away = datastoreStore({ client, projectId: 'p' })
    for (let tries = 0; tries < 6; tries++) await away.find(keyNamed('a')).catch(() => {})
    const arrived = await metrics()
    tell({ kind: 'status', ...STATUS })
    for (const [name, metric] of await metrics()) arrived.set(name, metric)
    const table = Object.values(INSTRUMENTS).map(({ name, unit }) => [name, unit])
    expect([...arrived.values()].map(({ name, unit }) => [name, unit]).sort()).toEqual(table.sort())
    for (const { name, sum, gauge, histogram } of arrived.values()) {
      const kind = sum ? 'counter' : gauge ? 'gauge' : histogram ? 'histogram' : 'none'
      expect(page).toContain(`| \`${name}\` | ${kind}`)
    }
    const known: ReadonlySet<string> = new Set(Object.values(ATTRIBUTES))
    for (const metric of arrived.values()) {
      for (const { attributes } of pointsOf(metric)) {
        for (const [name, value] of Object.entries(plain(attributes))) {
          expect(known).toContain(name)
          expect(String(value)).toMatch(/^[A-Za-z_][A-Za-z0-9_.-]{0,40}$/)
        }
      }
    }
    const [record] = await s.records()
    for (const secret of ['hunter2', 'alice', s.cookie()?.split('=')[1], record?.key, '203.0']) {
      if (secret !== undefined) expect(text()).not.toContain(secret)
    }
  })

  it('distinguish failed calls from conflicts, which are answers', async () => {
    const { metrics } = await telemetry({ spans: false })
    const client = new FakeClient()
    const store = datastoreStore({ client, projectId: 'p', sharedWrites: 'off' })
    const codes = [10, 7]
    client.script = () => {
      throw grpcError(codes.shift() ?? 14)
    }
    const deletion = { kind: 'delete', key: keyNamed('a'), version: '1' } as const
    await store.write(deletion)
    await store.write(deletion).catch(() => {})
    await store.find(keyNamed('a')).catch(() => {})
    const calls = pointsOf((await metrics()).get('db.client.operation.duration'))
    expect(calls.map(({ attributes }) => plain(attributes))).toEqual([
      {
        'db.system.name': 'gcp.datastore',
        'db.operation.name': 'commit',
        'db.response.status_code': 'ABORTED',
      },
      {
        'db.system.name': 'gcp.datastore',
        'db.operation.name': 'commit',
        'db.response.status_code': 'PERMISSION_DENIED',
        'error.type': 'PERMISSION_DENIED',
      },
      {
        'db.system.name': 'gcp.datastore',
        'db.operation.name': 'lookup',
        'db.response.status_code': 'UNAVAILABLE',
        'error.type': 'UNAVAILABLE',
      },
    ])
  })

  it('count loads by outcome, and ends by reason', async () => {
    const { metrics } = await telemetry({ spans: false })
    const s = await site(MEMORY)
    for (const path of ['/set/a', '/read', '/read', '/login/bob', '/logout']) await s.get(path)
    const arrived = await metrics()
    const count = (name: string, by: string): Record<string, number> =>
      Object.fromEntries(
        pointsOf(arrived.get(name)).map((point) => [
          plain(point.attributes)[by],
          Number(point.count ?? point.asInt ?? point.asDouble),
        ]),
      )
    expect(count(INSTRUMENTS.loads.name, ATTRIBUTES.outcome)).toEqual({ none: 1, live: 4 })
    expect(count(INSTRUMENTS.ends.name, ATTRIBUTES.reason)).toEqual({ login: 1, logout: 1 })
  })

  it('call status() of the given sessions, and increase its ages with time', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const asked = { count: 0 }
    const { metrics, stop } = await telemetry({
      spans: false,
      sessions: {
        status: () => {
          asked.count += 1
          tell({ kind: 'status', ...STATUS })
          return Promise.reject(new Error('closed'))
        },
      },
    })
    expect(asked.count).toBe(1)
    const ages = async () => pointsOf((await metrics()).get(INSTRUMENTS.backlogAge.name))
    vi.advanceTimersByTime(60_000)
    const [age] = await ages()
    expect(age?.asDouble).toBeCloseTo(3660, 0)
    vi.advanceTimersByTime(60_000)
    expect((await ages())[0]?.asDouble).toBeCloseTo(3720, 0)
    stop()
  })

  it('have no status without given sessions, even when the app calls status()', async () => {
    const { metrics } = await telemetry({ spans: false })
    const s = await site(MEMORY)
    await s.get('/set/a')
    await s.sessions.status()
    const names = [...(await metrics()).keys()]
    expect(names).toContain(INSTRUMENTS.loads.name)
    expect(names).not.toContain(INSTRUMENTS.backlog.name)
  })

  it('end with the returned function', async () => {
    const { metrics, spans, stop } = await telemetry()
    const s = await site(MEMORY)
    await s.get('/set/a')
    const before = await spans()
    const loads = pointsOf((await metrics()).get(INSTRUMENTS.loads.name))
    stop()
    await s.get('/read')
    expect(await spans()).toEqual(before)
    expect(pointsOf((await metrics()).get(INSTRUMENTS.loads.name))).toMatchObject([
      { count: loads[0]?.count },
    ])
  })
})

describe('spans', () => {
  it('are nested: a request of the app, its load, and the call for it', async () => {
    const { spans, tracerProvider } = await telemetry({ metrics: false })
    const s = await site(MEMORY, {
      routes: (app) => {
        app.get('/work', (req, res) => {
          tracerProvider.getTracer('app').startActiveSpan('work', async (span) => {
            req.session.set('a', 1)
            await req.session.save()
            span.end()
            res.send('done')
          })
        })
      },
    })
    await s.get('/set/a')
    const first = (await spans()).length
    await s.get('/work')
    const all = (await spans()).slice(first)
    const named = (name: string) => all.find((span) => span.name === name)
    expect(named('session load')).toMatchObject({ kind: SpanKind.INTERNAL + 1 })
    expect(plain(named('session load')?.attributes ?? [])).toEqual({
      'viur_session.outcome': 'live',
    })
    expect(named('find')).toMatchObject({
      kind: SpanKind.CLIENT + 1,
      parentSpanId: named('session load')?.spanId,
      traceId: named('session load')?.traceId,
    })
    expect(named('write')).toMatchObject({ parentSpanId: named('work')?.spanId })
    expect(plain(named('session commit')?.attributes ?? [])).toEqual({
      'http.response.status_code': 200,
      'viur_session.outcome': 'unchanged',
    })
  })

  it('of a shared call are in the trace of one request, with links to and from the others', async () => {
    const { spans, tracerProvider } = await telemetry({ metrics: false })
    const store = datastoreStore({ client: new FakeClient(), projectId: 'p' })
    const tracer = tracerProvider.getTracer('app')
    const visit = (name: string): Promise<void> =>
      tracer.startActiveSpan(`GET /${name}`, async (span) => {
        await store.find(keyNamed(name))
        span.end()
      })
    await Promise.all(['a', 'b', 'c'].map(visit))
    const all = await spans()
    const [call, ...more] = all.filter(({ name }) => name === 'lookup')
    expect(more).toEqual([])
    const of = (name: string) => all.find((span) => span.name === `GET /${name}`)
    expect(call).toMatchObject({ parentSpanId: of('a')?.spanId, traceId: of('a')?.traceId })
    expect(call?.links.map(({ spanId }) => spanId)).toEqual([of('b')?.spanId, of('c')?.spanId])
    for (const other of ['b', 'c']) {
      expect(of(other)?.links).toMatchObject([{ spanId: call?.spanId, traceId: call?.traceId }])
    }
    expect(plain(call?.attributes ?? [])).toEqual({
      'db.system.name': 'gcp.datastore',
      'db.operation.name': 'lookup',
      'db.operation.batch.size': 3,
      'viur_session.requests': 3,
    })
  })

  it('are left out when the provider fails to make them, without an effect on requests and the process', async () => {
    const crashes: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => void crashes.push(error))
    onTestFinished(() => {
      process.removeAllListeners('uncaughtException')
      for (const other of others) process.on('uncaughtException', other)
    })
    let asked = 0
    const startSpan = (): never => {
      asked += 1
      throw new Error('a sampler of the app has failed')
    }
    const tracerProvider = { getTracer: () => ({ startSpan, startActiveSpan: startSpan }) }
    onTestFinished(startTelemetry({ tracerProvider, metrics: false }))
    const s = await site(MEMORY)
    expect((await s.get('/set/a')).status).toBe(200)
    expect((await s.get('/set/b')).status).toBe(200)
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBeGreaterThanOrEqual(6)
    expect(crashes).toEqual([])
  })

  it('exist for a step of a sweep, and show errors by type and not by message', async () => {
    const { spans } = await telemetry({ metrics: false })
    const s = await site(MEMORY)
    await s.get('/set/a')
    s.store.failNext('before', {
      method: 'find',
      error: new SessionStoreError('hunter2', { retryable: false, effect: 'none' }),
    })
    expect((await s.get('/read')).status).toBe(500)
    s.advance(180)
    await s.sessions.startClearSessions()
    const all = await spans()
    const failed = all.find(({ status }) => status.code === SpanStatusCode.ERROR)
    expect(failed).toMatchObject({ status: { message: 'ERR_SESSION_STORE' } })
    expect(JSON.stringify(all)).not.toContain('hunter2')
    const step = all.find(({ name }) => name === 'session sweep step')
    expect(plain(step?.attributes ?? [])).toMatchObject({
      'viur_session.iterator': 'DeleteSessionsIter',
      'viur_session.outcome': 'finished',
    })
    expect(all.some(({ parentSpanId }) => parentSpanId === step?.spanId)).toBe(true)
  })
})

describe('the names', () => {
  it('of the conventions are those of their package', () => {
    const {
      METRIC_DB_CLIENT_OPERATION_DURATION,
      ATTR_DB_SYSTEM_NAME,
      ATTR_DB_OPERATION_NAME,
      ATTR_DB_OPERATION_BATCH_SIZE,
      ATTR_DB_RESPONSE_STATUS_CODE,
      ATTR_ERROR_TYPE,
      ATTR_HTTP_RESPONSE_STATUS_CODE,
    } = conventions
    expect(INSTRUMENTS.calls.name).toBe(METRIC_DB_CLIENT_OPERATION_DURATION)
    expect(ATTRIBUTES).toMatchObject({
      system: ATTR_DB_SYSTEM_NAME,
      operation: ATTR_DB_OPERATION_NAME,
      batchSize: ATTR_DB_OPERATION_BATCH_SIZE,
      statusCode: ATTR_DB_RESPONSE_STATUS_CODE,
      error: ATTR_ERROR_TYPE,
      responseStatus: ATTR_HTTP_RESPONSE_STATUS_CODE,
    })
    const theirs = new Set<unknown>(Object.values(conventions))
    for (const { name } of Object.values(INSTRUMENTS)) {
      expect(theirs.has(name) || name.startsWith('viur_session.')).toBe(true)
    }
    for (const name of Object.values(ATTRIBUTES)) {
      expect(theirs.has(name) || name.startsWith('viur_session.')).toBe(true)
    }
  })

  it('have units of UCUM: seconds for times, and a word in braces for counts', () => {
    for (const { name, unit } of Object.values(INSTRUMENTS)) {
      expect(unit).toMatch(/\.(?:duration|age)$/.test(name) ? /^s$/ : /^\{[a-z]+\}$/)
    }
  })
})

it('wrong options are refused', () => {
  for (const options of [
    { metric: true },
    { spans: 'no' },
    { statusEvery: '10s' },
    { statusEvery: '100d' },
    { sessions: {} },
  ]) {
    expect(() => startTelemetry(options as TelemetryOptions)).toThrow(SessionConfigError)
  }
})

const STATUS = {
  reachable: true,
  backlog: 7,
  backlogIsMore: false,
  oldestAge: HOUR,
  sweepAge: HOUR,
  warnings: 0,
}
