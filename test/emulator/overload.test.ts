import { afterEach, describe, expect, test } from 'vitest'
import { type SlowProxy, startProxy } from '../../bench/overload/proxy.mjs'
import { createSessions, type Sessions, SessionStoreError } from '../../src/index.ts'
import type { Duration } from '../../src/base/duration.ts'
import { openClient } from '../../src/store/datastore/client.ts'
import { parseEmulatorHost } from '../../src/store/datastore/emulator-address.ts'
import { closeClient } from '../../src/store/datastore/replace-silent-client.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { EMULATORS_BY_TRANSPORT, emulatorStore, uniqueSpace } from '../setup/stores.ts'

type Kind = (typeof EMULATORS_BY_TRANSPORT)[number]

type App = Sessions<Record<string, unknown>>

const opened: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

/** The session exists before the deadline gets short. */
async function app(
  { host, transport }: Kind,
  deadline: Duration = '1s',
): Promise<{
  proxy: SlowProxy
  store: SessionStore
  sessions: App
  cookie: string
}> {
  const proxy = await startProxy(host as string)
  const space = uniqueSpace()
  const store = emulatorStore(proxy.address, space, { deadline, transport })
  const unhurried = emulatorStore(host as string, space, { deadline: '5m' })
  opened.push(store, unhurried, proxy)
  const before: App = createSessions({ store: unhurried, logger: { warn() {} } })
  const session = await before.open({ secure: true }).load()
  session.set('n', 1)
  const { setCookie } = await before.commit(session)
  // Connects, which may be slow on a busy machine: long work may take longer than a request.
  await store.ready?.()
  const sessions: App = createSessions({ store, logger: { warn() {} } })
  return { proxy, store, sessions, cookie: (setCookie[0] as string).split(';')[0] as string }
}

async function load(sessions: App, cookie: string): Promise<string> {
  try {
    const session = await sessions.open({ cookie, secure: true }).load()
    return String(session.loadOutcome)
  } catch (error) {
    if (error instanceof SessionStoreError && error.retryable) return 'store error'
    throw error
  }
}

/** Loads until one load works, however long that takes; returns the results of the others. */
async function loadUntilItWorks(sessions: App, cookie: string): Promise<Set<string>> {
  const seen = new Set<string>()
  for (;;) {
    const outcome = await load(sessions, cookie)
    if (outcome === 'live') return seen
    seen.add(outcome)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe.each(EMULATORS_BY_TRANSPORT)('$name', (kind) => {
  describe.skipIf(kind.missing !== null)('behind a proxy, a session', () => {
    test('is a store error while calls hang, never "no session", and works again afterwards', async () => {
      const { proxy, sessions, cookie } = await app(kind)
      proxy.settings.silent = true
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => load(sessions, cookie)))
      expect(new Set(outcomes)).toEqual(new Set(['store error']))
      proxy.settings.silent = false
      expect(await loadUntilItWorks(sessions, cookie)).not.toContain('unknown')
    })

    test('works again when a stopped server listens again', async () => {
      const { proxy, sessions, cookie } = await app(kind)
      await proxy.vanish()
      for (let at = 0; at < 20; at++) expect(await load(sessions, cookie)).toBe('store error')
      await proxy.comeBack()
      expect(await loadUntilItWorks(sessions, cookie)).not.toContain('unknown')
    })

    test('works again with a new connection after connections were lost silently', async () => {
      const { proxy, sessions, cookie } = await app(kind, '30s')
      proxy.deaden()
      expect(await loadUntilItWorks(sessions, cookie)).toEqual(new Set())
    })

    test('leaves no connection of a client that is closed right after it began a call', async () => {
      const proxy = await startProxy(kind.host as string)
      opened.push(proxy)
      const open = await openClient({
        projectId: 'viur-session-test',
        client: null,
        emulator: parseEmulatorHost(proxy.address),
        environment: {},
        transport: kind.transport,
      })
      const partitionId = { projectId: open.projectId }
      const keys = [{ partitionId, path: [{ kind: 'none', name: 'none' }] }]
      const call = open.client.lookup({ ...partitionId, keys }, { timeout: 60_000, retry: null })
      const over = call.catch(() => undefined)
      // Google's client begins a call a few promises later.
      for (let turn = 0; turn < 20 && kind.transport === 'client'; turn++) await null
      await closeClient(open)
      await over
      while (proxy.connections > 0) await new Promise((resolve) => setTimeout(resolve, 10))
      expect(proxy.connections).toBe(0)
    })

    test('leaves no connection when its store is closed, also none that was abandoned', async () => {
      const { proxy, store, sessions, cookie } = await app(kind)
      proxy.deaden()
      await loadUntilItWorks(sessions, cookie)
      expect(proxy.connections).toBeGreaterThan(0)
      await store.close()
      while (proxy.connections > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    })
  })
})
