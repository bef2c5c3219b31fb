import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createSessions, type SessionStore } from '../../src/index.ts'
import { EMULATORS, emulatorStore, uniqueSpace } from '../setup/stores.ts'

/** A proxy on loopback that can let its connections die in several ways. New ones always work. */
interface Proxy {
  readonly address: string
  /** How many connections there were. */
  readonly made: number
  /** Connections that are open now pass nothing on any more, or no answers, without an end. */
  mute(what: 'all' | 'answers'): void
  /** Connections that are open now are reset. */
  reset(): void
  close(): Promise<void>
}

async function startProxy(target: string): Promise<Proxy> {
  const [host = '', port = ''] = target.split(':')
  const pairs = new Set<{ client: Socket; server: Socket; mute: 'all' | 'answers' | null }>()
  let made = 0
  const server = createServer((client) => {
    made += 1
    const far = connect({ host, port: Number(port) })
    const pair = { client, server: far, mute: null as 'all' | 'answers' | null }
    pairs.add(pair)
    for (const socket of [client, far]) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(pair)
        client.destroy()
        far.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (pair.mute !== 'all') far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (pair.mute === null) client.write(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: own } = server.address() as { port: number }
  return {
    address: `127.0.0.1:${own}`,
    get made() {
      return made
    },
    mute(what) {
      for (const pair of pairs) pair.mute = what
    },
    reset() {
      for (const { client } of pairs) client.resetAndDestroy()
    },
    async close() {
      for (const { client, server: far } of pairs) {
        client.destroy()
        far.destroy()
      }
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const opened: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function app(host: string, count: number) {
  const proxy = await startProxy(host)
  const store: SessionStore = emulatorStore(proxy.address, uniqueSpace())
  opened.push(store, proxy)
  const sessions = createSessions<Record<string, unknown>>({ store, logger: { warn() {} } })
  const cookies: string[] = []
  for (let at = 0; at < count; at++) {
    const session = await sessions.open({ secure: true }).load()
    session.set('n', at)
    const { setCookie } = await sessions.commit(session)
    cookies.push((setCookie[0] as string).split(';')[0] as string)
  }
  const load = async (cookie: string) => await sessions.open({ cookie, secure: true }).load()
  return { proxy, sessions, cookies, load }
}

/** Whether what was asked for reaches the server, and how the client hears that no answer will come. */
const DEATHS = [
  ['a reset', 'all'],
  ['silence', 'all'],
  ['a reset that takes the answers', 'answers'],
  ['silence instead of the answers', 'answers'],
] as const

for (const { name, host } of EMULATORS) {
  describe.skipIf(host === null)(`calls whose connection dies, on the ${name}`, () => {
    for (const [death, mute] of DEATHS) {
      test.each([1, 6, 12, 40])(`by ${death}: %i lookups, and nobody notices`, async (count) => {
        const { proxy, cookies, load } = await app(host as string, count)
        proxy.mute(mute)
        const loads = cookies.map(load)
        await new Promise((resolve) => setTimeout(resolve, 50))
        if (death.startsWith('a reset')) proxy.reset()
        const loaded = await Promise.all(loads)
        expect(loaded.map((session) => session.get('n'))).toEqual(cookies.map((_, at) => at))
        expect((await load(cookies[0] as string)).get('n')).toBe(0)
      })

      test.each([1, 6, 12, 40])(`by ${death}: %i writes, each done once`, async (count) => {
        const { proxy, sessions, cookies, load } = await app(host as string, count)
        const loaded = await Promise.all(cookies.map(load))
        proxy.mute(mute)
        const commits = loaded.map(async (session) => {
          session.set('m', 1)
          return await sessions.commit(session)
        })
        await new Promise((resolve) => setTimeout(resolve, 50))
        if (death.startsWith('a reset')) proxy.reset()
        await Promise.all(commits)
        const again = await Promise.all(cookies.map(load))
        expect(again.map((session) => session.get('m'))).toEqual(cookies.map(() => 1))
        expect(proxy.made).toBeGreaterThan(1)
      })
    }
  })
}
