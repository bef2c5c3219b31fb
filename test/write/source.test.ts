import { describe, expect, it, vi } from 'vitest'
import type { SessionRecord, SessionsOptions, SessionStore } from '../../src/index.ts'
import { encodeValue } from '../../src/record/codec.ts'
import { keyOf, mintId } from '../../src/record/id.ts'
import { Payload, SCOPE_OF_ID, unitOf } from '../../src/record/payload.ts'
import type {
  Committer,
  ConnectableSource,
  Loaded,
  Searched,
  Source,
  SourceHost,
} from '../../src/write/source.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { Harness } from '../request/harness.ts'
import { STORE_KINDS } from '../setup/stores.ts'

type Data = Record<string, unknown>

const NOTE = unitOf(SCOPE_OF_ID, 'note')

/** The cookie of visitors whose sessions are in another system. */
const TICKET = 'ticket=one'

/**
 * A source with one session, which exists only in this object under a ticket. The first write removes the ticket. A
 * session that was taken over has a note.
 */
class Tickets implements ConnectableSource {
  readonly system = 'tickets'
  ticket: Data | null = { lang: 'de' }
  /** Changes at the source of a session that was taken over; `'ended'`: it has ended there. */
  changes: Data | 'ended' = {}
  /** The commits that went through this source. */
  readonly commits: string[] = []

  connect(host: SourceHost) {
    return (cookie = '') => ({
      begin: () => ({
        follow: async (found: Loaded, payload: Payload) => {
          if (payload.find(NOTE) === undefined) return { found, payload }
          if (this.changes === 'ended') return null
          const units = unitsOf(this.changes)
          const source = { ...this.#shared(host), news: { unit: NOTE, text: '"here"', units } }
          return { found: { ...found, source }, payload: payload.with(units) }
        },
        instead: async () => this.#found(host, cookie),
      }),
      storing: null,
      ending: null,
    })
  }

  #found(host: SourceHost, cookie: string): Searched {
    if (this.ticket === null || !cookie.includes(TICKET)) return 'unknown'
    const id = mintId(host.settings.randomBytes)
    const key = keyOf(id)
    const units = new Map([...unitsOf(this.ticket), [NOTE, '"here"'] as const])
    const now = host.settings.now()
    const record = sampleRecord({
      key,
      data: Payload.empty.with(units).encode(key),
      created: now,
      lastSeen: now,
      authenticated: null,
      user: '__guest__',
      expires: now + 60_000,
    })
    return { id, found: { record, version: 'of the ticket', source: this.#new(host, record) } }
  }

  #new(host: SourceHost, record: SessionRecord): Source {
    return {
      ...this.#shared(host),
      isStored: false,
      aliveUntil: record.expires,
      storing: this.#committer(host.settings.store, 'stored'),
      afterwards: this.#shared(host),
      again: async () => (this.ticket === null ? null : { record, version: 'of the ticket' }),
    }
  }

  #shared(host: SourceHost): Source {
    const shared: Source = {
      isStored: true,
      aliveUntil: null,
      news: null,
      storing: null,
      ending: this.#committer(host.settings.store, 'ended'),
      get afterwards() {
        return shared
      },
      again: async ({ record }, asking) => await asking.find(record.key),
    }
    return shared
  }

  #committer(store: SessionStore, what: string): Committer {
    return {
      writeTogether: async (mutations, options) => {
        const result = await store.writeTogether(mutations, options)
        if (result.outcome === 'applied') this.commits.push(what)
        if (result.outcome === 'applied') this.ticket = null
        return result
      },
    }
  }
}

function unitsOf(data: Data): Map<string, string> {
  return new Map(
    Object.entries(data).map(([key, value]) => [unitOf(null, key), encodeValue(value, key)]),
  )
}

/** The core knows no particular system: it works with any source that implements the interface. */
describe.each(STORE_KINDS)('a session that names a source on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('of any kind', () => {
    function app(options: SessionsOptions = {}) {
      const tickets = new Tickets()
      const harness = new Harness<Data>({ legacy: tickets, store: kind.make(), ...options })
      return { tickets, harness }
    }

    it('is stored by its source with the first write, under a new id', async () => {
      const { tickets, harness } = app()
      const read = await harness.visit(
        (session) => {
          expect(session.get('lang')).toBe('de')
          expect(session.key).toBeNull()
        },
        { cookie: TICKET },
      )
      expect(read.setCookie).toEqual([])
      expect(tickets.commits).toEqual([])
      const { cookie } = await harness.visit((session) => session.set('n', 1), { cookie: TICKET })
      expect(tickets).toMatchObject({ commits: ['stored'], ticket: null })
      await harness.visit(
        (session) => expect(Object.fromEntries(session)).toEqual({ lang: 'de', n: 1 }),
        { cookie },
      )
    })

    it('holds what has changed at its source, and stores it with whatever is stored', async () => {
      const { tickets, harness } = app()
      const { cookie } = await harness.visit((session) => session.set('n', 1), { cookie: TICKET })
      tickets.changes = { lang: 'fr' }
      await harness.visit((session) => expect(session.get('lang')).toBe('fr'), { cookie })
      tickets.changes = {}
      await harness.visit((session) => expect(session.get('lang')).toBe('de'), { cookie })
      tickets.changes = { lang: 'fr' }
      await harness.visit((session) => session.set('n', 2), { cookie })
      tickets.changes = {}
      await harness.visit(
        (session) => expect(Object.fromEntries(session)).toEqual({ lang: 'fr', n: 2 }),
        { cookie },
      )
    })

    it('is brought over by change() before the function works on it, with what the request changed before', async () => {
      const { tickets, harness } = app()
      const { cookie, setCookie } = await harness.visit(
        async (session) => {
          session.set('own', 1)
          await session.change((data) => {
            data['all'] = Object.keys(data)
          })
          // The session is stored at once, under the new id.
          expect(session.key).not.toBeNull()
          expect(session.changed).toBe(false)
        },
        { cookie: TICKET },
      )
      expect(setCookie).toHaveLength(1)
      expect(tickets).toMatchObject({ commits: ['stored'], ticket: null })
      expect(await harness.data(cookie)).toEqual({ lang: 'de', own: 1, all: ['lang', 'own'] })
    })

    it('is brought over by a change() that changes nothing as well', async () => {
      const { tickets, harness } = app()
      const { cookie } = await harness.visit((session) => session.change(() => {}), {
        cookie: TICKET,
      })
      expect(tickets).toMatchObject({ commits: ['stored'], ticket: null })
      expect(await harness.data(cookie)).toEqual({ lang: 'de' })
    })

    it('has what has changed at its source in change(), which stores it', async () => {
      const { tickets, harness } = app()
      const { cookie } = await harness.visit((session) => session.set('n', 1), { cookie: TICKET })
      tickets.changes = { lang: 'fr' }
      const seen = await harness.load(cookie)
      await seen.change((data) => {
        data['seen'] = data['lang']
      })
      expect(seen.get('seen')).toBe('fr')
      tickets.changes = {}
      expect(await harness.data(cookie)).toEqual({ lang: 'fr', n: 1, seen: 'fr' })
    })

    it('is brought over and then refused by exclusive() where its source has a say in its end', async () => {
      const { tickets, harness } = app()
      const run = vi.fn<() => void>()
      const { cookie } = await harness.visit(
        async (session) => {
          await expect(session.exclusive(run)).rejects.toThrow(
            /another system uses at the same time/,
          )
        },
        { cookie: TICKET },
      )
      expect(run).not.toHaveBeenCalled()
      expect(tickets.commits).toEqual(['stored'])
      expect(await harness.store.notes.list('lease:', 10)).toEqual([])
      expect(await harness.data(cookie)).toEqual({ lang: 'de' })
    })

    it.each(['logout', 'reset', 'cycleKey', 'login'] as const)(
      'is ended by its source with a %s',
      async (method) => {
        const { tickets, harness } = app()
        const { cookie } = await harness.visit((session) => session.set('n', 1), { cookie: TICKET })
        const act = (session: Awaited<ReturnType<typeof harness.load>>) =>
          method === 'login' ? session.login('ada') : session[method]()
        await harness.visit(act, { cookie })
        expect(tickets.commits).toEqual(['stored', 'ended'])
      },
    )

    it('is ended by its source by a logout that waited for another request to note its use', async () => {
      const { tickets, harness } = app({ touchEvery: '10s' })
      const { cookie } = await harness.visit((session) => session.set('n', 1), { cookie: TICKET })
      harness.clock.advance('20s')
      const [reading, leaving] = [await harness.load(cookie), await harness.load(cookie)]
      expect([reading.loadOutcome, reading.get('n')]).toEqual(['live', 1])
      const gate = harness.store.hold({ method: 'write' })
      const touched = harness.commit(reading, cookie)
      await gate.reached
      await leaving.logout()
      const left = harness.commit(leaving, cookie)
      gate.release()
      await Promise.all([touched, left])
      expect(tickets.commits).toEqual(['stored', 'ended'])
    })

    it('is ended by its source when its id changes before it was ever stored', async () => {
      const { tickets, harness } = app()
      const { cookie } = await harness.visit((session) => session.login('ada'), { cookie: TICKET })
      expect(tickets).toMatchObject({ commits: ['ended'], ticket: null })
      await harness.visit((session) => expect(session.user).toBe('ada'), { cookie })
    })

    it('takes to a new id nothing of what is known of the old one', async () => {
      const { tickets, harness } = app()
      const { cookie } = await harness.visit((session) => session.set('n', 1), { cookie: TICKET })
      const cycled = await harness.visit((session) => session.cycleKey(), { cookie })
      tickets.changes = 'ended'
      await harness.visit((session) => expect(session.get('n')).toBe(1), { cookie: cycled.cookie })
      await harness.visit((session) => session.logout(), { cookie: cycled.cookie })
      expect(tickets.commits).toEqual(['stored', 'ended'])
    })

    it('has ended where it has at its source', async () => {
      const { tickets, harness } = app()
      const { cookie } = await harness.visit((session) => session.set('n', 1), { cookie: TICKET })
      tickets.changes = 'ended'
      await harness.visit(
        (session) => {
          expect(session.loadOutcome).toBe('ended')
          expect(session.get('n')).toBeUndefined()
        },
        { cookie },
      )
    })

    it('is gone where somebody else has taken it from its source meanwhile', async () => {
      const { tickets, harness } = app()
      const session = await harness.load(TICKET)
      session.set('n', 1)
      harness.store.failNext('before', { method: 'writeTogether' })
      tickets.ticket = null
      const { setCookie } = await harness.sessions.commit(session)
      expect(setCookie).toEqual([])
      expect(tickets.commits).toEqual([])
    })

    it('does not concern a session that began here', async () => {
      const { tickets, harness } = app()
      const { cookie } = await harness.visit((session) => session.set('n', 1))
      await harness.visit((session) => session.logout(), { cookie })
      expect(tickets.commits).toEqual([])
    })
  })
})
