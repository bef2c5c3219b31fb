import { describe, expect, it } from 'vitest'
import { createSessions } from '../../../src/index.ts'
import { SESSION_DATA } from '../../corpus/session-data.ts'
import { NO_USERS, PAIRS } from '../../corpus/users.ts'
import { type ConsoleApp, consoleApp } from './harness.ts'

const open = (): Promise<ConsoleApp> =>
  consoleApp({ allow: () => ({ access: 'act', name: 'olga' }), showData: true })

const word = (user: string): string => Buffer.from(user).toString('base64url')

/** The tags of a page, each once, without quoted values. */
function tagsOf(body: string): string[] {
  const names = body.match(/<[^>"]*(?:"[^"]*"[^>"]*)*>/g) ?? []
  return [...new Set(names.map((tag) => tag.replace(/"[^"]*"/g, '""')))].toSorted()
}

const KEPT = Object.entries(SESSION_DATA).flatMap(([name, entry]) =>
  'refused' in entry ? [] : [[name, entry.make] as const],
)

describe('the page of a session', () => {
  it.each(KEPT)(
    'shows %s and its size, and contains only the tags of the console',
    async (_, make) => {
      const app = await open()
      const plain = await app.login('alice', { v: 1 })
      const key = await app.login('alice', { v: make() })
      for (const scope of ['', '&scope=v']) {
        const { status, body } = await app.get(`/session?key=${key}${scope}`)
        expect(status).toBe(200)
        expect(body).not.toContain('unreadable')
        expect(tagsOf(body)).toEqual(tagsOf((await app.get(`/session?key=${plain}${scope}`)).body))
        expect(body.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u)
      }
    },
  )

  it('marks the value that this process cannot read, and shows the others', async () => {
    const app = await open()
    const types = {
      URL: {
        is: (value: unknown) => value instanceof URL,
        encode: (value: unknown) => String(value),
        decode: (text: unknown) => new URL(text as string),
      },
    }
    const others = createSessions({ store: app.store, now: app.clock.now, types })
    const session = await others.open({ secure: true }).load()
    session.update({ home: new URL('https://a.example'), n: 1 })
    await others.commit(session)
    const { status, body } = await app.get(`/session?key=${session.key}`)
    expect(status).toBe(200)
    expect(body).toContain('<bdi>home</bdi></td><td class="figure">unreadable</td>')
    expect(body).toContain('<bdi>n</bdi></td><td class="figure">1</td>')
  })

  it('never mistakes a value of the app for one that cannot be read', async () => {
    const app = await open()
    const key = await app.login('alice', { inbox: { unreadable: 3 } })
    const { body } = await app.get(`/session?key=${key}`)
    expect(body).toContain('<bdi>inbox</bdi></td><td class="figure">16</td>')
    expect(body).toContain('<code><bdi>{&#34;unreadable&#34;:3}</bdi></code>')
  })

  it.each(['__proto__', 'constructor', 'prototype', '$', ' ', '\0', '../x', 'x'.repeat(8000)])(
    'shows a scope of any name, or an error about the name: %#',
    async (scope) => {
      const app = await open()
      const key = await app.login('alice')
      const { status, body } = await app.get(
        `/session?key=${key}&scope=${encodeURIComponent(scope)}`,
      )
      expect([200, 400]).toContain(status)
      expect(body).not.toContain('\0')
      expect(body.length).toBeLessThan(10_000)
    },
  )
})

describe('a user', () => {
  it.each(PAIRS)('is not the other one: %j, %j', async (user, other) => {
    const app = await open()
    const key = await app.login(user)
    const left = await app.login(other)
    const { body } = await app.get(`/sessions?u=${word(user)}`)
    expect(body).toContain(key)
    expect(body).not.toContain(left)
    await app.post('/end-user', { u: word(user), sure: 'yes' })
    expect(await app.sessions.get(key)).toBeNull()
    expect(await app.sessions.get(left)).not.toBeNull()
  })

  const TEXTS = NO_USERS.flatMap(([, user]) => (typeof user === 'string' ? [user] : []))
  it.each([...TEXTS, '\ufffd'.repeat(501), 'x'.repeat(6000)])(
    'that is invalid matches no other user: %#',
    async (user) => {
      const app = await open()
      await app.login('alice')
      await app.login(null)
      const path = `/sessions?user=${encodeURIComponent(user.toWellFormed())}`
      const { status, body } = await app.get(path)
      expect(status).toBe(user.isWellFormed() ? 400 : 200)
      expect(body).not.toContain('session?key=')
      for (const u of [word(user), user.toWellFormed(), `${word(user)}=`, `${word(user)}!`]) {
        await app.post('/end-user', { u, sure: 'yes' })
      }
      expect(await app.sessions.countSessions()).toBe(2)
    },
  )
})

describe('the security key of a form', () => {
  it('is used up by one of many parallel requests', async () => {
    const app = await open()
    const skey = await app.keyOf('/')
    const all = await Promise.all(
      Array.from({ length: 10 }, () => app.post('/end', { key: 'A'.repeat(43), skey })),
    )
    expect(all.map(({ status }) => status).toSorted()).toEqual([303, ...Array(9).fill(403)])
  })

  it('is valid for an hour at most', async () => {
    const app = await open()
    const key = await app.login('alice')
    const skey = await app.keyOf('/')
    app.clock.advance(60 * 60 * 1000)
    expect((await app.post('/end', { key, skey })).status).toBe(403)
    expect(await app.sessions.outcomeOf(key)).toBe('live')
  })

  it('is not valid for the app, and a key of the app is not valid for the console', async () => {
    const app = await open()
    const key = await app.login('alice')
    const session = await app.sessions.open({}).load()
    const skey = await session.getSecurityKey({ sessionBound: false })
    expect((await app.post('/end', { key, skey })).status).toBe(403)
    const ours = await app.keyOf('/')
    expect(await session.validateSecurityKey(ours, { sessionBound: false })).toBe(false)
    expect(await app.sessions.outcomeOf(key)).toBe('live')
  })
})
