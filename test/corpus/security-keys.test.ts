import express from 'express'
import { describe, expect, it } from 'vitest'
import { requireSecurityKey } from '../../src/express/index.ts'
import type { Session, SessionKey } from '../../src/index.ts'
import { hashOfKey } from '../../src/request/security-keys.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { call } from '../express/caller-harness.ts'
import { frameworks, serve, setup } from '../express/helpers.ts'
import { Harness } from '../request/harness.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'
import {
  KEY_STORIES,
  type KeyStory,
  NEARLY,
  NO_KEYS,
  SENT_KEYS,
  type SentKey,
  type Step,
} from './security-keys.ts'

/** Runs the steps of a story, each in its own request; returns the results of the uses. */
async function play(kind: StoreKind, { steps }: KeyStory): Promise<(boolean | number)[]> {
  const clock = fakeClock()
  const store = kind.make({ now: clock.now })
  try {
    const app = new Harness({ store, lifetime: '2h' }, clock)
    const visitor = { cookie: (await app.given({ visitor: 1 })) as string | undefined }
    const elsewhere = await app.given({ elsewhere: 1 })
    let key = ''
    const uses: (boolean | number)[] = []
    const visit = async (work: (session: Session) => unknown): Promise<void> => {
      visitor.cookie = (await app.visit(work, { cookie: visitor.cookie })).cookie
    }
    const use = async (options: object, cookie = visitor.cookie): Promise<void> => {
      const session = await app.load(cookie)
      uses.push((await session.validateSecurityKey(key, options)) === true)
    }
    const mint = (options: object) => (): Promise<void> =>
      visit(async (session) => {
        key = await session.getSecurityKey(options)
      })
    const anybody = { sessionBound: false }
    const play: Record<Step, () => unknown> = {
      mint: mint({}),
      'mint for reset': mint({ purpose: 'reset' }),
      'mint for everybody': mint(anybody),
      'mint for two minutes': mint({ duration: '2m' }),
      use: () => use({}),
      'use for reset': () => use({ purpose: 'reset' }),
      'use as anybody': () => use(anybody),
      'use elsewhere': () => use({}, elsewhere),
      'use elsewhere as anybody': () => use(anybody, elsewhere),
      'ten at once': async () => {
        const sessions = await Promise.all(
          Array.from({ length: 10 }, () => app.load(visitor.cookie)),
        )
        const valid = await Promise.all(sessions.map((session) => session.validateSecurityKey(key)))
        uses.push(valid.filter((one) => one === true).length)
      },
      static: () =>
        visit(async (session) => {
          await session.login('alice')
          key = session.staticSecurityKey()
        }),
      login: () => visit((session) => session.login('alice')),
      logout: () => visit((session) => session.logout()),
      reset: () => visit((session) => session.reset()),
      cycleKey: () => visit((session) => session.cycleKey()),
      kill: async () => {
        const session = await app.load(visitor.cookie)
        expect(await app.sessions.killSession(session.key as SessionKey)).toBe(true)
      },
      'two minutes less a millisecond pass': () => clock.advance(2 * 60_000 - 1),
      'a millisecond passes': () => clock.advance(1),
      'a read': () => visit((session) => session.get('visitor')),
    }
    for (const step of steps) await play[step]()
    return uses
  } finally {
    await store.close()
  }
}

describe.each(STORE_KINDS)('a security key on $name', (kind) => {
  it.skipIf(kind.missing !== null).each(Object.entries(KEY_STORIES))('%s', async (_, told) => {
    expect(await play(kind, told)).toEqual(told.uses)
  })
})

describe('a value that is not a security key', () => {
  it.each(NO_KEYS)('%s is refused, without an error', async (_, key) => {
    const app = new Harness()
    const { cookie } = await app.visit((s) => s.login('alice'), { cookie: await app.given() })
    for (const of of [cookie, undefined]) {
      const session = await app.load(of)
      expect(await session.validateSecurityKey(key)).toBe(false)
      expect(await session.validateSecurityKey(key, { sessionBound: false })).toBe(false)
      expect(await session.validateSecurityKey(key, { purpose: 'reset' })).toBe(false)
      expect(session.validateStaticSecurityKey(key)).toBe(false)
    }
  })

  it.each(NEARLY)('a key with %s is refused, and uses up no key', async (_, change) => {
    const app = new Harness()
    let once = ''
    let always = ''
    const { cookie } = await app.visit(async (s) => {
      await s.login('alice')
      always = s.staticSecurityKey()
      once = await s.getSecurityKey()
    })
    const session = await app.load(cookie)
    expect(await session.validateSecurityKey(change(once))).toBe(false)
    expect(session.validateStaticSecurityKey(change(always))).toBe(false)
    expect(session.validateStaticSecurityKey(always)).toBe(true)
    expect(await session.validateSecurityKey(once)).toBe(true)
  })
})

const TYPES = {
  form: 'application/x-www-form-urlencoded',
  json: 'application/json',
  text: 'text/plain',
} as const

describe.each(frameworks)('a request to %s with a key as', (_name, framework) => {
  interface Shop {
    readonly port: number
    readonly done: string[]
    readonly keys: { once: string; always: string }
    readonly headers: Record<string, string>
  }

  async function shop(loggedIn: boolean): Promise<Shop> {
    const { sessions } = setup()
    const done: string[] = []
    const session = await sessions.open({ loopback: true }).load()
    session.set('a', 1)
    if (loggedIn) await session.login('alice')
    const keys = {
      always: loggedIn ? session.staticSecurityKey() : 'x'.repeat(43),
      once: await session.getSecurityKey(),
    }
    const { setCookie } = await sessions.commit(session)
    const after = [
      express.urlencoded({ extended: true, limit: '4mb' }),
      express.json({ limit: '4mb' }),
      express.text({ limit: '4mb' }),
      requireSecurityKey(),
    ]
    const served = await serve(
      {
        express: framework,
        sessions,
        after: after as never,
        onError: (error, _req, res, _next) => {
          res.status(error.status ?? 500).send(String(error.code))
        },
      },
      (req, res) => {
        done.push(req.method)
        res.send('done')
      },
    )
    const cookie = setCookie[0]?.split(';')[0] as string
    return {
      port: served.port,
      done,
      keys,
      headers: { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' },
    }
  }

  function send({ port, headers }: Shop, sent: SentKey, key: string, method = 'POST') {
    const fill = (text: string): string =>
      text.replaceAll('KEY', key).replaceAll(`STATIC_SESSION_${key}`, 'STATIC_SESSION_KEY')
    const own = Object.entries(sent.headers ?? {}).map(
      ([name, value]) => [name, Array.isArray(value) ? value.map(fill) : fill(value)] as const,
    )
    return call(port, fill(sent.path ?? '/post'), {
      method,
      headers: {
        ...headers,
        ...(sent.type !== undefined && { 'Content-Type': TYPES[sent.type] }),
        ...Object.fromEntries(own),
      },
      ...(sent.body !== undefined && method !== 'GET' && { body: fill(sent.body) }),
    })
  }

  it.each(SENT_KEYS)('$name', async (sent) => {
    const made = await shop(sent.loggedIn ?? true)
    const { once, always } = made.keys
    const key = { static: always, hash: hashOfKey(sent.headers === undefined ? once : always) }
    const { status, body } = await send(made, sent, sent.key === undefined ? once : key[sent.key])
    expect([status, body]).toEqual(sent.passes ? [200, 'done'] : [403, 'ERR_REQUEST_REFUSED'])
    expect(made.done).toEqual(sent.passes ? ['POST'] : [])
    // A refused request has used up no key, also if it sent the key in a wrong way.
    const burnt = sent.passes && sent.key === undefined
    const again = await send(made, SENT_KEYS[0] as SentKey, once)
    expect(again.status).toBe(burnt ? 403 : 200)
  })

  it('a GET, which needs no key and uses up none', async () => {
    const made = await shop(true)
    const { once } = made.keys
    const header: SentKey = { name: '', headers: { 'X-Security-Key': 'KEY' }, passes: true }
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'GET']) {
      expect((await send(made, header, once, method)).status).toBe(200)
    }
    expect((await send(made, header, once)).status).toBe(200)
    expect((await send(made, header, once)).status).toBe(403)
  })
})
