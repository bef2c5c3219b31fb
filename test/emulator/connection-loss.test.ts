import { describe, expect, test } from 'vitest'
import { createSessions } from '../../src/index.ts'
import { startFaultyProxy } from '../setup/faulty-proxy.ts'
import { EMULATORS, emulatorStore, uniqueSpace } from '../setup/stores.ts'
import {
  type Cell,
  COUNTS,
  DEATHS,
  type Death,
  meetAll,
  type Way,
  WAYS,
} from './connection-loss.ts'

const [older, newer] = EMULATORS.map(({ host }) => host)

/** Reads and writes, in different numbers for each kind of loss. connection-loss.slow.test.ts has all combinations. */
function cellsOf({ name }: Death, at: number): readonly Cell[] {
  if (name === 'a reset' || name === 'silence')
    return [
      [12, 'reads'],
      [40, 'writes'],
    ]
  const [reads, writes] = [COUNTS[at % 4], COUNTS[(at + 2) % 4]]
  return [
    [reads as number, 'reads'],
    [writes as number, 'writes'],
  ]
}

/** The most frequent ones by both transports, the others by one in turn; connection-loss.slow.test.ts has the rest. */
function waysOf({ name }: Death, at: number): readonly Way[] {
  if (/^a reset|^silence/.test(name)) return WAYS
  return [WAYS[(at + Math.floor(at / 2)) % 2] as Way]
}

describe.skipIf(older === null)('calls whose connection dies', () => {
  for (const [at, death] of DEATHS.entries()) {
    const ways = waysOf(death, at)
    const names = ways.map(([name]) => name)
    test(`by ${death.name}, ${names.join(' and ')}: nobody notices, beside the clients of Google`, async () => {
      // At the same time, since the store takes a second to notice silence.
      const all = await Promise.all(
        ways.map(([, given]) => meetAll(death, older as string, cellsOf(death, at), given)),
      )
      expect(all.map(({ seen }, way) => [names[way], seen])).toEqual(
        all.map(({ right }, way) => [names[way], right]),
      )
    })
  }

  // Each program reports the result of a write with another message.
  test.skipIf(newer === null)(
    'with their answers: nobody notices on the newer emulator',
    async () => {
      const deaths = DEATHS.filter(({ held }) => held === 'answers')
      const all = await Promise.all(
        deaths.map((death) => meetAll(death, newer as string, [[6, 'writes']])),
      )
      expect(all.map(({ seen }) => seen)).toEqual(all.map(({ right }) => right))
    },
  )

  test('that never said anything, by a read and by a write: nobody notices', async () => {
    const met = async (what: 'read' | 'write'): Promise<void> => {
      const proxy = await startFaultyProxy(older as string)
      const store = emulatorStore(proxy.address, uniqueSpace())
      try {
        proxy.silence(1)
        const sessions = createSessions({ store, logger: { warn() {} } })
        const cookie = `__Host-viur-session=${'A'.repeat(43)}`
        const session = await sessions
          .open({ secure: true, ...(what === 'read' && { cookie }) })
          .load()
        if (what === 'write') session.set('n', 1)
        const { setCookie } = await sessions.commit(session)
        expect([session.loadOutcome, setCookie.length]).toEqual(
          what === 'read' ? ['unknown', 0] : ['none', 1],
        )
        // One replaces the silent one. If the machine stalls, the next one counts as silent too.
        expect(proxy.made).toBeOneOf([2, 3, 4])
      } finally {
        await store.close()
        await proxy.close()
      }
    }
    await Promise.all([met('read'), met('write')])
  })

  test.each(['grpc', 'client'] as const)(
    'that is reset while the first calls connect, over %s: nobody notices',
    async (transport) => {
      const proxy = await startFaultyProxy(older as string)
      const store = emulatorStore(proxy.address, uniqueSpace(), { transport })
      try {
        proxy.reset(1)
        const sessions = createSessions({ store, logger: { warn() {} } })
        await sessions.ready()
        expect(proxy.made).toBe(2)
      } finally {
        await store.close()
        await proxy.close()
      }
    },
  )

  describe.each(['grpc', 'client'] as const)(
    'where the next connection is refused, over %s',
    (transport) => {
      test('visitors see no error, and no more is sent until there is a connection', async () => {
        const proxy = await startFaultyProxy(older as string)
        const store = emulatorStore(proxy.address, uniqueSpace(), { transport })
        try {
          const sessions = createSessions({ store, logger: { warn() {} } })
          const visit = async (cookie: string | undefined, at: number): Promise<string> => {
            const session = await sessions.open({ secure: true, cookie }).load()
            if (cookie === undefined) session.set('n', 0)
            else if (at % 2 === 0) session.set('n', (session.get('n') as number) + at)
            else if (at % 3 === 0) await session.cycleKey()
            const { setCookie } = await sessions.commit(session)
            expect(session.loadOutcome).toBe(cookie === undefined ? 'none' : 'live')
            return setCookie[0]?.split(';')[0] ?? (cookie as string)
          }
          const given = Array.from({ length: 12 }, (_, at) => at)
          const cookies = await Promise.all(given.map((at) => visit(undefined, at)))
          proxy.reset(1)
          await Promise.all(given.map((at) => visit(at < 10 ? cookies[at] : undefined, at)))
          expect(proxy.made).toBe(3)
        } finally {
          await store.close()
          await proxy.close()
        }
      })
    },
  )

  test('of a client of the app, by each kind of silence: nobody notices', async () => {
    const cases = [
      ['a v1.DatastoreClient', 'silence', [6, 'reads']],
      ['a v1.DatastoreClient', 'silence that takes the answers', [12, 'writes']],
      ['a v1.DatastoreClient', 'silence, also of the connection after it', [1, 'writes']],
      ['a Datastore', 'silence', [6, 'writes']],
    ] as const
    const all = await Promise.all(
      cases.map(([given, name, cell]) => {
        const death = DEATHS.find((one) => one.name === name) as Death
        return meetAll(death, older as string, [cell], given)
      }),
    )
    expect(all.map(({ seen }, at) => [cases[at]?.[0], seen])).toEqual(
      all.map(({ right }, at) => [cases[at]?.[0], right]),
    )
  })
})
