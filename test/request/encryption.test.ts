import { randomBytes } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import {
  QueryIter,
  type SessionEntry,
  type Session,
  type SessionRecord,
  type SessionsOptions,
} from '../../src/index.ts'
import { STORE_KINDS, type StoreKind, uniqueSpace } from '../setup/stores.ts'
import { DAY, Harness, HOUR, keyOfCookie, MINUTE } from './harness.ts'

const A = { id: 'a', key: randomBytes(32) }
const B = { id: 'b', key: randomBytes(32).toString('base64url') }

type Data = Record<string, unknown>

/** Processes on one database, each with its own options; the clock belongs to the first of them. */
function processes<Given extends SessionsOptions[]>(
  kind: StoreKind,
  ...options: Given
): { [At in keyof Given]: Harness<Data> } {
  const space = uniqueSpace()
  const all: Harness<Data>[] = []
  for (const given of options) {
    const [first] = all
    const store = first !== undefined && kind.host === null ? first.store : kind.make({ space })
    all.push(new Harness<Data>({ ...given, store }, first?.clock))
  }
  return all as { [At in keyof Given]: Harness<Data> }
}

const sealing = (...keys: (typeof A | typeof B)[]): SessionsOptions => ({ encryption: { keys } })

/** Replaces the stored record. */
async function change(
  app: Harness<Data>,
  cookie: string,
  by: (record: SessionRecord) => Partial<SessionRecord>,
): Promise<void> {
  const found = await app.store.find(keyOfCookie(cookie))
  if (found?.record == null) throw new Error('nothing is stored')
  const { record, version } = found
  const rev = randomBytes(9).toString('base64url')
  await app.store.write({ kind: 'update', record: { ...record, ...by(record), rev }, version })
  app.store.clearCalls()
}

const textOf = async (app: Harness<Data>, cookie: string): Promise<string> =>
  (await app.stored(cookie))?.data ?? ''

describe.each(STORE_KINDS)('encryption, on $name', (kind) => {
  it('stores no unencrypted data; user, times and client stay readable', async () => {
    const [app] = processes(kind, sealing(A))
    const cookie = await app.given({ secret: 'hunter2' }, async (s) => {
      await s.login('alice', { client: { agent: 'Firefox' } })
      s.scope('shop').set('word', 'hunter2')
    })
    const record = await app.stored(cookie)
    expect(JSON.stringify(record)).not.toMatch(/hunter2|secret|shop/)
    expect(record).toMatchObject({ user: 'alice', client: { agent: 'Firefox' } })
    const session = await app.load(cookie)
    expect([...session]).toEqual([['secret', 'hunter2']])
    expect(session.scope('shop').get('word')).toBe('hunter2')
  })

  it('writes nothing where nothing has changed, as without encryption', async () => {
    const [app] = processes(kind, sealing(A))
    const cookie = await app.given({ list: [1], text: 'a' })
    await app.visit((s) => s.get('list'), { cookie })
    await app.visit((s) => s.set('list', [1]).set('text', 'a'), { cookie })
    expect(app.store.writes).toBe(0)
    await app.visit((s) => (s.get('list') as number[]).push(2), { cookie })
    expect([app.store.finds, app.store.writes]).toEqual([3, 1])
    expect(await app.data(cookie)).toEqual({ list: [1, 2], text: 'a' })
  })

  it('keeps the changes of parallel requests to different keys', async () => {
    const [app, other] = processes(kind, sealing(A), sealing(A))
    const cookie = await app.given({ a: 1 })
    const slow = await app.load(cookie)
    await other.visit((s) => s.set('b', 2), { cookie })
    slow.set('c', 3)
    await app.commit(slow, cookie)
    expect(await other.data(cookie)).toEqual({ a: 1, b: 2, c: 3 })
  })

  it('encrypts the data that exclusive(), and save() and change() inside of it, store under the lease', async () => {
    const [app, other] = processes(kind, sealing(A), sealing(B, A))
    const cookie = await app.given({ n: 1 })
    const texts: string[] = []
    await app.visit(
      (s) =>
        s.exclusive(async () => {
          s.set('secret', 'hunter2')
          await s.save()
          texts.push(await textOf(app, cookie))
          await s.change((data) => {
            data['more'] = 'hunter2'
          })
          texts.push(await textOf(app, cookie))
          s.set('n', 2)
        }),
      { cookie },
    )
    texts.push(await textOf(app, cookie))
    expect(texts).toEqual(Array(3).fill(expect.stringMatching(/^2 sealed a /)))
    expect(texts.join()).not.toMatch(/hunter2|secret|more/)
    expect(await app.store.notes.list('lease:', 10)).toEqual([])
    // The next one works on the data that this one left, whichever key encrypted it.
    await other.visit((s) => s.exclusive(() => s.set('n', (s.get('n') as number) + 1)), { cookie })
    expect(await textOf(app, cookie)).toMatch(/^2 sealed b /)
    expect(await other.data(cookie)).toEqual({ n: 3, secret: 'hunter2', more: 'hunter2' })
  })

  it('does not change a session in exclusive() that needs a key that this process lacks', async () => {
    const [app, other] = processes(kind, sealing(A), sealing(B, A))
    const cookie = await app.given({ a: 1 })
    const session = await app.load(cookie)
    await other.visit((s) => s.set('b', 2), { cookie })
    const run = vi.fn<() => void>()
    await expect(session.exclusive(run)).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      message: expect.stringMatching(/key "b".*finish the rollout/),
    })
    expect(run).not.toHaveBeenCalled()
    expect(await app.store.notes.list('lease:', 10)).toEqual([])
    expect(await other.data(cookie)).toEqual({ a: 1, b: 2 })
  })

  it('encrypts data again under a new id, and no data can be decrypted under another id', async () => {
    const [app] = processes(kind, { ...sealing(A), persistentFieldsOnLogin: ['a'] })
    const cookie = await app.given({ a: 'hunter2' })
    const before = await textOf(app, cookie)
    const { cookie: cycled = '' } = await app.visit((s) => s.cycleKey(), { cookie })
    const { cookie: after = '' } = await app.visit((s) => s.login('alice'), { cookie: cycled })
    expect(await app.data(after)).toEqual({ a: 'hunter2' })
    await change(app, after, () => ({ data: before }))
    const session = await app.load(after)
    expect([session.loadOutcome, session.size, session.isGuest]).toEqual(['unreadable', 0, true])
    expect(app.log.at(-1)).toMatchObject({
      details: { why: expect.stringMatching(/cannot be opened/) },
    })
    // Reading it has changed nothing, and neither does ending it.
    expect(await textOf(app, after)).toBe(before)
  })

  it('reads unencrypted data, and encrypts it at the next write', async () => {
    const [plain, app] = processes(kind, {}, sealing(A))
    const cookie = await plain.given({ a: 'hunter2' })
    await app.visit((s) => s.get('a'), { cookie })
    expect(await textOf(app, cookie)).toContain('hunter2')
    app.clock.advance(6 * MINUTE)
    await app.visit((s) => s.get('a'), { cookie })
    expect(await textOf(app, cookie)).toMatch(/^2 sealed a /)
    expect(await app.data(cookie)).toEqual({ a: 'hunter2' })
  })

  it('rotates: an older key decrypts, the newest encrypts, and then the older may be removed', async () => {
    const [first, next, last] = processes(kind, sealing(A), sealing(B, A), sealing(B))
    const cookie = await first.given({ a: 'hunter2' })
    expect(await next.data(cookie)).toEqual({ a: 'hunter2' })
    expect(await textOf(first, cookie)).toMatch(/^2 sealed a /)
    await next.visit((s) => s.set('b', 1), { cookie })
    expect(await textOf(first, cookie)).toMatch(/^2 sealed b /)
    expect(await last.data(cookie)).toEqual({ a: 'hunter2', b: 1 })
  })

  it('is introduced by a release that only reads, and removed by one that does not encrypt', async () => {
    const reads: SessionsOptions = { encryption: { keys: [A], seal: false } }
    const [plain, reading, app] = processes(kind, {}, reads, sealing(A))
    const cookie = await plain.given({ a: 1 })
    await reading.visit((s) => s.set('b', 2), { cookie })
    expect(await plain.data(cookie)).toEqual({ a: 1, b: 2 })
    await app.visit((s) => s.set('c', 3), { cookie })
    expect(await reading.data(cookie)).toEqual({ a: 1, b: 2, c: 3 })
    await expect(plain.load(cookie)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    await reading.visit((s) => s.set('d', 4), { cookie })
    expect(await plain.data(cookie)).toEqual({ a: 1, b: 2, c: 3, d: 4 })
  })

  it.each([
    ['with other keys', sealing(B), /sealed with the key "a".*finish the rollout/],
    ['with another key of the same id', sealing({ ...B, id: 'a' } as typeof B), /key "a"/],
    ['without encryption', {}, /key "a", which the option encryption/],
  ] as const)('is an error of the store for a process %s', async (_, options, message) => {
    const [app, other] = processes(kind, sealing(A), options)
    const cookie = await app.given({ a: 'hunter2' }, (s) => s.login('alice'))
    const before = await textOf(app, cookie)
    const session = other.open(cookie)
    await expect(session.load()).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      status: 503,
      effect: 'none',
      retryable: false,
      message: expect.stringMatching(message),
    })
    expect(() => session.user).toThrow(message)
    await expect(
      other.sessions.updateSessionsByUser('alice', (data) => {
        data['a'] = 1
      }),
    ).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', message: expect.stringMatching(message) })
    expect(other.store.writes).toBe(0)
    expect(await textOf(app, cookie)).toBe(before)
    // Its user is visible, and it can be ended.
    const listed = []
    for await (const one of other.sessions.listSessionsByUser('alice')) listed.push(one)
    expect(listed).toMatchObject([{ key: keyOfCookie(cookie), user: 'alice' }])
    expect(await other.sessions.killSession(keyOfCookie(cookie))).toBe(true)
    expect((await app.load(cookie)).loadOutcome).toMatch(/unknown|ended/)
  })

  it.each([
    ['set()', (s: Session<Data>) => s.set('c', 3)],
    [
      'change()',
      (s: Session<Data>) => s.change((data) => Object.assign(data, { c: 3 }) && undefined),
    ],
    ['cycleKey()', (s: Session<Data>) => s.cycleKey()],
    ['login() that carries something', (s: Session<Data>) => s.login('alice')],
  ])(
    'is an error too where another process sealed it meanwhile, and nothing is lost: %s',
    async (_, work) => {
      const [app, other] = processes(
        kind,
        { ...sealing(A), persistentFieldsOnLogin: ['a'] },
        sealing(B, A),
      )
      const cookie = await app.given({ a: 1 })
      const slow = await app.load(cookie)
      await other.visit((s) => s.set('b', 2), { cookie })
      const done = (async () => {
        await work(slow)
        await app.commit(slow, cookie)
      })()
      await expect(done).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE',
        message: expect.stringMatching(/key "b".*finish the rollout/),
      })
      expect(await other.data(cookie)).toEqual({ a: 1, b: 2 })
    },
  )

  it('leaves the events of a session whose key this process lacks to a process that has it', async () => {
    const events = { events: true }
    const [app, other] = processes(kind, { ...sealing(A), ...events }, { ...sealing(B), ...events })
    const told: unknown[] = []
    for (const [name, { sessions }] of Object.entries({ app, other })) {
      sessions.onDelete(({ key, reason, data }) => {
        told.push([name, key, reason, data])
      })
    }
    const expired = await app.given({ a: 'hunter2' })
    const killed = await app.given({ b: 'hunter2' })
    expect(await other.sessions.killSession(keyOfCookie(killed))).toBe(true)
    app.clock.advance(26 * HOUR)
    await other.sessions.startClearSessions()
    expect(told).toEqual([])
    expect((await other.sessions.status()).runs).toMatchObject([{ ended: 0, skipped: 2 }])
    await app.sessions.startClearSessions()
    expect(told).toHaveLength(2)
    expect(told).toEqual(
      expect.arrayContaining([
        ['app', keyOfCookie(expired), 'expired', { a: 'hunter2' }],
        ['app', keyOfCookie(killed), 'killed', { b: 'hunter2' }],
      ]),
    )
  })

  it('reports a damaged session with its user and times, and without data', async () => {
    const [app] = processes(kind, { ...sealing(A), events: true })
    const told: unknown[] = []
    app.sessions.onDelete(({ key, user, data }) => {
      told.push([key, user, data])
    })
    const cookie = await app.given({ a: 1 }, (s) => s.login('alice'))
    await change(app, cookie, ({ data }) => ({ data: data.slice(0, -3) }))
    app.clock.advance(26 * HOUR)
    await app.sessions.startClearSessions()
    expect(told).toEqual([[keyOfCookie(cookie), 'alice', {}]])
  })

  it('never shows other data for a text that was changed, cut off or copied', async () => {
    const [app] = processes(kind, sealing(A))
    const cookie = await app.given({ a: 'hunter2' })
    const other = await textOf(app, await app.given({ a: 'other' }))
    const text = await textOf(app, cookie)
    const spots = [2, 9, 11, 13, 22, 31, 40, 60, 80, text.length - 1]
    const texts = [
      other,
      text.slice(0, 40),
      text.slice(0, -1),
      `${text.slice(0, 60)}${other.slice(60)}`,
      ...spots.map(
        (at) => `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`,
      ),
    ]
    for (const data of texts) {
      await change(app, cookie, () => ({ data }))
      const outcome = await app.load(cookie).then(
        ({ loadOutcome }) => loadOutcome,
        (error) => error.code,
      )
      // Another version may be that of a later release.
      const isOurs = data.startsWith('2 sealed ')
      expect(isOurs ? ['unreadable'] : ['unreadable', 'ERR_SESSION_STORE'], data).toContain(outcome)
    }
    await change(app, cookie, () => ({ data: text }))
    expect(await app.data(cookie)).toEqual({ a: 'hunter2' })
  })

  it('encrypts the data of security keys, and binds it to them', async () => {
    const [app, other] = processes(kind, sealing(A), sealing(B))
    const cookie = await app.given()
    const session = await app.load(cookie)
    const [one, two] = await session.getSecurityKeys(2, {
      data: { secret: 'hunter2' },
      sessionBound: false,
    })
    const foreign = await other.load()
    await expect(foreign.validateSecurityKey(one, { sessionBound: false })).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      message: expect.stringMatching(/key "a"/),
    })
    expect(await session.validateSecurityKey(one, { sessionBound: false })).toEqual({
      secret: 'hunter2',
    })
    expect(await session.validateSecurityKey(one, { sessionBound: false })).toBe(false)
    expect(await session.validateSecurityKey(two, { sessionBound: false })).toEqual({
      secret: 'hunter2',
    })
  })

  it('is renewed by an iterator: for unencrypted data, and for data under an older key', async () => {
    class Reseal extends QueryIter<Data> {
      static override id = 'reseal'
      override async handleEntry(entry: SessionEntry<Data>): Promise<void> {
        await entry.update(() => {})
      }
    }
    const [plain, first, app, last] = processes(
      kind,
      {},
      sealing(A),
      { ...sealing(B, A), iterators: [Reseal] },
      sealing(B),
    )
    const inClear = await plain.given({ a: 1 })
    const older = await first.given({ a: 2 })
    const newest = await app.given({ a: 3 })
    const before = await app.stored(newest)
    const run = async () => {
      app.store.clearCalls()
      await app.sessions.startIterOnQuery(Reseal, { select: 'all' })
      return app.store.calls.filter(({ kinds }) => kinds.includes('update')).length
    }
    expect(await run()).toBe(2)
    expect(await Promise.all([inClear, older, newest].map((c) => last.data(c)))).toEqual([
      { a: 1 },
      { a: 2 },
      { a: 3 },
    ])
    expect(await app.stored(newest)).toEqual(before)
    expect(await run()).toBe(0)
  })
})

describe('encryption', () => {
  it('is refused where it cannot work, and no error contains a key', () => {
    expect(() => new Harness({ encryption: { keys: [{ id: 'a', key: 'hunter2' }] } })).toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_CONFIG',
        message: expect.not.stringContaining('hunter2'),
      }),
    )
  })

  it('lets a session live as long as without it', async () => {
    const app = new Harness<Data>({ ...sealing(A), lifetime: '1h', absoluteLifetime: '2d' })
    const cookie = await app.given({ a: 1 })
    for (let at = 0; at < 50; at++) {
      app.clock.advance(50 * MINUTE)
      await app.visit((s) => s.get('a'), { cookie })
    }
    expect((await app.load(cookie)).loadOutcome).toBe('live')
    app.clock.advance(DAY)
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })
})
