import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SessionStoreError } from '../../../src/index.ts'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import { Breaker, type Passage } from '../../../src/store/datastore/overload/breaker.ts'
import { AdaptiveLimit } from '../../../src/store/datastore/overload/adaptive-limit.ts'
import { QueueTimeout } from '../../../src/store/datastore/overload/queue-timeout.ts'
import type { SessionStore } from '../../../src/store/store.ts'
import { type Call, FakeClient, gate, grpcError, keyNamed, recordOf } from './fake.ts'

const UNAVAILABLE = 14

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function passed(answer: Passage | SessionStoreError): Passage {
  if (answer instanceof SessionStoreError) throw new Error('it was turned away')
  return answer
}

function breaker() {
  const clock = { now: 1000 }
  const made = new Breaker('lookup', () => clock.now)
  return {
    clock,
    breaker: made,
    fail(times: number) {
      const passages = Array.from({ length: times }, () => passed(made.enter()))
      for (const passage of passages) passage.end(grpcError(UNAVAILABLE))
    },
  }
}

describe('the breaker', () => {
  test('lets calls through until five in a row have failed', () => {
    const b = breaker()
    b.fail(4)
    passed(b.breaker.enter()).end(null)
    b.fail(4)
    expect(b.breaker.isOpen).toBe(false)
    b.fail(1)
    expect(b.breaker.isOpen).toBe(true)
    expect(b.breaker.enter()).toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      retryable: true,
      retryAfter: 1000,
    })
  })

  test.each([
    ['refusals', 7],
    ['conflicts', 9],
    ['contention', 10],
    ['a missing entity', 5],
  ])('counts %s as an answer', (_, code) => {
    const b = breaker()
    for (let at = 0; at < 20; at++) passed(b.breaker.enter()).end(grpcError(code))
    expect(b.breaker.isOpen).toBe(false)
  })

  test.each([1, 2, 4, 8, 13, 14])('counts code %i as an outage', (code) => {
    const b = breaker()
    for (let at = 0; at < 5; at++) passed(b.breaker.enter()).end(grpcError(code))
    expect(b.breaker.isOpen).toBe(true)
  })

  test('admits one call after a second, and the others after its answer', () => {
    const b = breaker()
    b.fail(5)
    b.clock.now += 999
    expect(b.breaker.enter()).toBeInstanceOf(SessionStoreError)
    b.clock.now += 1
    const trial = passed(b.breaker.enter())
    expect(b.breaker.enter()).toBeInstanceOf(SessionStoreError)
    trial.end(null)
    expect(b.breaker.isOpen).toBe(false)
    passed(b.breaker.enter())
  })

  test('waits for another second when the trial fails', () => {
    const b = breaker()
    b.fail(5)
    b.clock.now += 1000
    const trial = passed(b.breaker.enter())
    b.clock.now += 5000
    trial.end(grpcError(UNAVAILABLE))
    b.clock.now += 999
    expect(b.breaker.enter()).toBeInstanceOf(SessionStoreError)
    b.clock.now += 1
    passed(b.breaker.enter())
  })

  test('is neither kept open nor tried early by earlier calls', () => {
    const b = breaker()
    const [late, later] = [passed(b.breaker.enter()), passed(b.breaker.enter())]
    b.fail(5)
    b.clock.now += 900
    late.end(grpcError(UNAVAILABLE))
    b.clock.now += 100
    const trial = passed(b.breaker.enter())
    // The late answer of an earlier call closes it too.
    later.end(null)
    expect(b.breaker.isOpen).toBe(false)
    trial.end(grpcError(UNAVAILABLE))
    expect(b.breaker.isOpen).toBe(false)
  })

  test('keeps the last failure as the cause', () => {
    const b = breaker()
    for (let at = 0; at < 4; at++) passed(b.breaker.enter()).end(grpcError(UNAVAILABLE))
    const cause = grpcError(4)
    passed(b.breaker.enter()).end(cause)
    expect(b.breaker.enter()).toMatchObject({ cause })
  })
})

describe('the limit of running calls', () => {
  test('falls by half with each slow call down to one, and rises again with quick answers', () => {
    const limit = new AdaptiveLimit(8, 1000)
    limit.took(501, true)
    expect(limit.current).toBe(4)
    for (let at = 0; at < 9; at++) limit.took(2000, false)
    expect(limit.current).toBe(1)
    limit.took(300, true)
    expect(limit.current).toBe(1)
    limit.took(249, false)
    expect(limit.current).toBe(1)
    limit.took(249, true)
    expect(limit.current).toBe(2)
    for (let at = 0; at < 100; at++) limit.took(1, true)
    expect(limit.current).toBe(8)
  })
})

describe('the wait in a queue', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  })
  afterEach(() => void vi.useRealTimers())

  /** A queue that no entry leaves in time. Records how long the expired entries waited. */
  function queue() {
    const came: number[] = []
    const waited: number[] = []
    const timeout = new QueueTimeout(1000, (overdue) => {
      while ((came[0] ?? Number.POSITIVE_INFINITY) < overdue) {
        waited.push(performance.now() - (came.shift() as number))
      }
      return came[0] ?? null
    })
    const come = (): void => {
      came.push(performance.now())
      timeout.watch(came[0] as number)
    }
    return { came, waited, timeout, come }
  }

  test('is the longest at first, and a fifth of it in a queue that stays full', () => {
    const { waited, come } = queue()
    for (let at = 0; at < 40; at++) {
      come()
      vi.advanceTimersByTime(100)
    }
    expect(waited[0]).toBeGreaterThanOrEqual(1000)
    expect(waited[0]).toBeLessThan(1010)
    expect(waited.slice(20).every((time) => time >= 200 && time < 310)).toBe(true)
  })

  test('is long again after the queue was empty', () => {
    const { came, waited, timeout, come } = queue()
    for (let at = 0; at < 40; at++) {
      come()
      vi.advanceTimersByTime(100)
    }
    came.length = 0
    timeout.rest()
    waited.length = 0
    come()
    vi.advanceTimersByTime(990)
    expect(waited).toEqual([])
    vi.advanceTimersByTime(20)
    expect(waited).toHaveLength(1)
  })
})

interface Setup {
  readonly client: FakeClient
  readonly store: SessionStore
}

function setup(options: Parameters<typeof datastoreStore>[0] = {}): Setup {
  const client = new FakeClient()
  return { client, store: datastoreStore({ client, projectId: 'p', ...options }) }
}

const down = (): never => {
  throw grpcError(UNAVAILABLE)
}

async function failTimes(times: number, call: () => Promise<unknown>): Promise<void> {
  for (let at = 0; at < times; at++) await expect(call()).rejects.toThrow(/code 14/)
}

describe('an unreachable Datastore', () => {
  // Time stands still, so that a busy machine does not reach the time of the trial.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  test('gets no calls after five failed lookups, and never means "no session"', async () => {
    const { client, store } = setup()
    client.script = down
    await failTimes(5, () => store.find(keyNamed('a')))
    const finds = Array.from({ length: 1000 }, (_, at) => store.find(keyNamed(at)))
    for (const result of await Promise.allSettled(finds)) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_SESSION_STORE', effect: 'none', retryable: true },
      })
    }
    expect(client.calls).toHaveLength(5)
  })

  test('gets one call a moment later, and all calls after its answer', async () => {
    const { client, store } = setup()
    client.script = down
    await failTimes(5, () => store.find(keyNamed('a')))
    const held = gate()
    client.script = async (_call, serve) => {
      await held.opened
      return serve()
    }
    vi.advanceTimersByTime(1000)
    const trial = Array.from({ length: 250 }, (_, at) => store.find(keyNamed(at)))
    const results = Promise.allSettled(trial)
    await turn()
    expect(client.calls).toHaveLength(6)
    held.open()
    expect((await results).filter(({ status }) => status === 'fulfilled')).toHaveLength(100)
    expect(await store.find(keyNamed('b'))).toBeNull()
  })

  test('gets as few calls at a time after the breaker as before it', async () => {
    const { client, store } = setup({ deadline: 5000 })
    const held = gate()
    client.script = async () => {
      await held.opened
      return down()
    }
    const finds = Promise.allSettled(
      Array.from({ length: 2000 }, (_, at) => store.find(keyNamed(at))),
    )
    await turn()
    expect(client.inFlight).toBe(8)
    // Slow failures lower the limit. Calls that the breaker refuses meanwhile are quick.
    vi.advanceTimersByTime(4000)
    held.open()
    await finds
    vi.advanceTimersByTime(1000)
    client.script = (_call, serve) => serve()
    await store.find(keyNamed('trial'))
    const again = gate()
    client.script = async (_call, serve) => {
      await again.opened
      return serve()
    }
    const more = Promise.allSettled(
      Array.from({ length: 500 }, (_, at) => store.find(keyNamed(at))),
    )
    await turn()
    // One call, and one more for the answer to the trial: quick failures do not raise the limit.
    expect(client.inFlight).toBe(2)
    again.open()
    await more
  })

  test('still gets writes while only lookups fail, and lookups while only writes do', async () => {
    const { client, store } = setup({ sharedWrites: 'off' })
    const failing = new Set(['lookup'])
    client.script = ({ method }, serve) => (failing.has(method) ? down() : serve())
    await failTimes(6 - 1, () => store.find(keyNamed('a')))
    await expect(store.find(keyNamed('a'))).rejects.toMatchObject({
      retryAfter: expect.any(Number),
    })
    const write = () => store.write({ kind: 'insert', record: recordOf(keyNamed('a')) })
    expect(await write()).toMatchObject({ outcome: 'applied' })

    const other = setup({ sharedWrites: 'off' })
    other.client.script = ({ method }, serve) => (method === 'commit' ? down() : serve())
    const record = recordOf(keyNamed('a'))
    await failTimes(5, () => other.store.write({ kind: 'insert', record }))
    const calls = other.client.calls.length
    await expect(other.store.write({ kind: 'insert', record })).rejects.toMatchObject({
      effect: 'none',
      retryable: true,
    })
    await expect(other.store.writeTogether([{ kind: 'insert', record }])).rejects.toThrow(
      /no commit/,
    )
    expect(other.client.calls).toHaveLength(calls)
    expect(await other.store.find(keyNamed('a'))).toBeNull()
  })

  test('leaves long work to its queue: such calls neither trip a breaker nor are stopped by one', async () => {
    const { client, store } = setup()
    client.script = ({ method }, serve) => (method === 'lookup' ? serve() : down())
    const mutations = [1, 2].map((at) => ({ kind: 'remove', key: keyNamed(at) }) as const)
    for (let at = 0; at < 10; at++) {
      expect(await store.writeEach(mutations)).toMatchObject([
        { outcome: 'failed' },
        { outcome: 'failed' },
      ])
      await expect(store.pageKeys({ by: 'all' }, { limit: 5 })).rejects.toThrow(/code 14/)
    }
    client.script = (_call, serve) => serve()
    const record = recordOf(keyNamed('a'))
    expect(await store.write({ kind: 'insert', record })).toMatchObject({ outcome: 'applied' })
  })

  test('fails waiting calls at once when the breaker opens, also beyond the keys of one call', async () => {
    const { client, store } = setup()
    const held = gate()
    client.script = async () => {
      await held.opened
      return down()
    }
    const finds = Array.from({ length: 6000 }, (_, at) => store.find(keyNamed(at)))
    const settled = Promise.allSettled(finds)
    await turn()
    expect(client.inFlight).toBe(8)
    held.open()
    const reasons = (await settled).map((result) =>
      result.status === 'rejected' ? String(result.reason) : result.value,
    )
    expect(
      reasons.filter((reason) => /Error: Datastore lookup failed/.test(String(reason))),
    ).toHaveLength(4000)
    expect(reasons.filter((reason) => /no lookup is sent/.test(String(reason)))).toHaveLength(2000)
    // Eight callers that share a call are one failure.
    expect(client.calls).toHaveLength(5 * 8)
  })
})

describe('a Datastore that hangs', () => {
  const never = (): Promise<never> => new Promise(() => {})

  test('keeps no lookup waiting for longer than its deadline, in the queue and in the call together', async () => {
    const { client, store } = setup({ deadline: 400 })
    const timeouts: number[] = []
    client.script = ({ options }: Call) => {
      timeouts.push(options['timeout'] as number)
      return never()
    }
    const ends: number[] = []
    const finds = Array.from({ length: 900 }, (_, at) =>
      store.find(keyNamed(at)).finally(() => ends.push(at)),
    )
    const results = await Promise.allSettled(finds)
    // No other call had left the queue yet, so the last hundred left it by their timeout.
    expect(Math.min(...ends.slice(0, 100))).toBe(800)
    expect(results.slice(0, 800).every((one) => isRejected(one, /did not answer/))).toBe(true)
    expect(results.slice(800).every((one) => isRejected(one, /too long for its turn/))).toBe(true)
    expect(timeouts.every((timeout) => timeout <= 400)).toBe(true)
  })

  test('gives a call that has waited only the rest of its deadline', async () => {
    const { client, store } = setup({ deadline: 60_000, sharedWrites: 'off' })
    const held = gate()
    client.script = async (_call, serve) => {
      await held.opened
      return serve()
    }
    const writes = Array.from({ length: 65 }, (_, at) =>
      store.write({ kind: 'insert', record: recordOf(keyNamed(at)) }),
    )
    const finds = Array.from({ length: 801 }, (_, at) => store.find(keyNamed(at)))
    await turn()
    await new Promise((resolve) => setTimeout(resolve, 20))
    held.open()
    await Promise.all([...writes, ...finds])
    const timeoutOf = (call: Call | undefined): number => call?.options['timeout'] as number
    expect(timeoutOf(client.sent('commit')[0])).toBe(60_000)
    expect(timeoutOf(client.sent('commit').at(-1))).toBeLessThan(60_000 - 10)
    expect(timeoutOf(client.sent('lookup').at(-1))).toBeLessThan(60_000 - 10)
  })

  test('fails writes that wait too long for their turn', async () => {
    const { client, store } = setup({ deadline: 100, sharedWrites: 'off' })
    client.script = never
    const writes = Array.from({ length: 70 }, (_, at) =>
      store.write({ kind: 'insert', record: recordOf(keyNamed(at)) }),
    )
    const ends: number[] = []
    writes.forEach((write, at) => {
      write.catch(() => ends.push(at))
    })
    const results = await Promise.allSettled(writes)
    expect(Math.min(...ends.slice(0, 6))).toBe(64)
    expect(results.slice(0, 64).every((one) => isRejected(one, /did not answer/))).toBe(true)
    for (const result of results.slice(64)) {
      expect(result).toMatchObject({ reason: { effect: 'none', retryAfter: expect.any(Number) } })
    }
  })

  function isRejected(result: PromiseSettledResult<unknown>, message: RegExp): boolean {
    return result.status === 'rejected' && message.test(String(result.reason))
  }
})

describe('sweepRate', () => {
  test.each([0, -500, 9, Number.NaN, '500', null])('refuses %j', (sweepRate) => {
    expect(() => datastoreStore({ sweepRate: sweepRate as never })).toThrow(/sweepRate must be/)
  })

  test('is 500 a second in production and none on an emulator, unless set', () => {
    const before = process.env['DATASTORE_EMULATOR_HOST']
    try {
      process.env['DATASTORE_EMULATOR_HOST'] = '127.0.0.1:1'
      expect(datastoreStore().sweepRate).toBe(Number.POSITIVE_INFINITY)
      expect(datastoreStore({ sweepRate: 50 }).sweepRate).toBe(50)
      delete process.env['DATASTORE_EMULATOR_HOST']
      expect(datastoreStore().sweepRate).toBe(500)
      expect(datastoreStore({ sweepRate: Number.POSITIVE_INFINITY }).sweepRate).toBe(
        Number.POSITIVE_INFINITY,
      )
    } finally {
      if (before !== undefined) process.env['DATASTORE_EMULATOR_HOST'] = before
    }
  })
})
