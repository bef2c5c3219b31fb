import { describe, expect, it } from 'vitest'
import { sampleRecord } from '../../src/testing/index.ts'
import { TestQueue } from '../sweep/task-queue.ts'
import { STORE_KINDS_BY_TRANSPORT } from '../setup/stores.ts'
import { type Page, type Site, site } from '../setup/site.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Makes sessions of users that expired two hours ago. */
async function expired(s: Site, count: number): Promise<string[]> {
  const expires = s.clock.now - 2 * HOUR
  const times = { created: expires - HOUR, lastSeen: expires - HOUR, authenticated: expires - HOUR }
  const records = Array.from({ length: count }, () =>
    sampleRecord({ ...times, user: 'gone', expires }),
  )
  const results = await s.plain.writeEach(records.map((record) => ({ kind: 'insert', record })))
  if (results.some(({ outcome }) => outcome !== 'applied')) throw new Error('not filled')
  return records.map(({ key }) => key)
}

function cron(s: Site): Promise<Page> {
  return s.get('/_sessions/cron', { jar: s.jarWith(undefined) })
}

function post(s: Site, body: unknown): Promise<Page> {
  return s.get('/_sessions/task', {
    jar: s.jarWith(undefined),
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** Delivers all waiting tasks, and the tasks that they create, to one process. Returns the answers of the route. */
async function deliverAll(s: Site, queue: TestQueue): Promise<unknown[]> {
  const answers: unknown[] = []
  while (queue.waiting.length > 0) {
    if (answers.length > 200) throw new Error('the tasks do not come to an end')
    const page = await post(s, queue.next().body)
    answers.push([page.status, JSON.parse(page.body)])
  }
  return answers
}

/** The races of sweeps, tasks and kills, with the numbers of the list in the issue. */
describe.each(STORE_KINDS_BY_TRANSPORT)('races of sweeps over HTTP on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('each for itself', () => {
    it('R10: a session saved while a sweep looks for it lives on, and nobody hears of an end', async () => {
      const s = await site(kind, { events: true })
      const sweeper = await site(kind, { beside: s, events: true, skew: 2 * MINUTE })
      // With short buckets, the bucket of the session closes early enough for the sweep.
      s.clock.now = Date.UTC(2026, 0, 1, 12)
      await s.get('/set/seed')
      const [record] = await s.records()
      s.clock.now = (record?.expires as number) - 1
      const writer = await s.held('/set/late')
      s.clock.now += 2 * MINUTE
      const looking = sweeper.store.hold({ method: 'page', when: 'before' })
      const swept = cron(sweeper)
      await looking.reached
      expect((await writer.finish()).status).toBe(200)
      looking.release()
      expect((await swept).status).toBe(200)
      expect((await s.read()).data).toEqual({ seed: 'set', late: 'set' })
      expect([...s.events, ...sweeper.events]).toEqual([])
    })

    it('R10: a request that is later than that changes nothing any more, however far the sweep is', async () => {
      const s = await site(kind, { events: true })
      const sweeper = await site(kind, { beside: s, events: true })
      await s.get('/set/seed')
      const old = s.cookie()
      const [record] = await s.records()
      s.clock.now = (record?.expires as number) - 1
      const writer = await s.held('/set/late')
      s.clock.now += 2 * HOUR
      const looking = sweeper.store.hold({ method: 'page', when: 'after' })
      const swept = cron(sweeper)
      await looking.reached
      expect((await writer.finish()).setCookie).toEqual([])
      looking.release()
      await swept
      await cron(sweeper)
      expect(await s.count()).toBe(0)
      expect((await s.read(s.jarWith(old))).data).toEqual({})
      expect(sweeper.events.map(({ reason, data }) => [reason, data])).toEqual([
        ['expired', { seed: 'set' }],
      ])
    })

    it('R11: two sweeps at once tell of each session once', async () => {
      const s = await site(kind, { events: true })
      const other = await site(kind, { beside: s, events: true })
      const keys = await expired(s, 30)
      const looking = s.store.hold({ method: 'page', when: 'after' })
      const first = cron(s)
      await looking.reached
      const second = await cron(other)
      looking.release()
      expect([(await first).status, second.status]).toEqual([200, expect.any(Number)])
      await cron(other)
      expect([...s.events, ...other.events].map(({ key }) => key).sort()).toEqual(keys.sort())
      expect(await s.count()).toBe(0)
    })

    it('R12: a sweep that dies after the observers and before the delete tells again, under the same id', async () => {
      const s = await site(kind, { events: true })
      const other = await site(kind, { beside: s, events: true })
      const [key] = await expired(s, 1)
      const dead = s.store.hold({ method: 'writeEach', when: 'before' })
      const lost = cron(s)
      await dead.reached
      expect(s.events.map((event) => event.key)).toEqual([key])
      expect(await s.count()).toBe(1)
      // The first process is gone, and another process takes over.
      s.advance(60)
      await cron(other)
      expect(other.events.map(({ id }) => id)).toEqual(s.events.map(({ id }) => id))
      expect(await s.count()).toBe(0)
      dead.release()
      await lost
      expect(s.events).toHaveLength(1)
    })

    it('R12: an end whose process dies before its observers hear of it is told by the next sweep', async () => {
      // It stores the mark but has no observers, which leaves the same state as a crash.
      const s = await site(kind, { events: true, observed: false })
      const other = await site(kind, { beside: s, events: true })
      await s.get('/login/alice')
      const old = s.cookie()
      await s.get('/logout')
      expect(await s.count()).toBe(1)
      expect((await s.read(s.jarWith(old))).outcome).toBe('ended')
      s.advance(120)
      await cron(other)
      expect(other.events.map(({ reason, user }) => [reason, user])).toEqual([['logout', 'alice']])
      expect(await s.count()).toBe(0)
    })

    it('R13: a task that is delivered again after its answer was lost makes no second successor', async () => {
      const queue = new TestQueue()
      const s = await site(kind, { events: true, tasks: queue, observed: false })
      s.sessions.onDelete(() => {
        // So that one step cannot finish the run.
        s.clock.now += 30_000
      })
      await expired(s, 60)
      expect((await cron(s)).status).toBe(202)
      const [first] = queue.added
      expect((await post(s, first?.body)).status).toBe(200)
      const names = queue.added.map(({ name }) => name)
      expect(names).toHaveLength(2)
      const again = await Promise.all([post(s, first?.body), post(s, first?.body)])
      expect(again.map(({ status }) => status)).toEqual([200, 200])
      expect(queue.added.map(({ name }) => name)).toEqual(names)
      queue.next()
      await deliverAll(s, queue)
      expect(new Set(queue.added.map(({ name }) => name)).size).toBe(queue.added.length)
      expect(await s.count()).toBe(0)
    })

    it('R14: of two calls of cron at once one starts a run, and another can when that one has died', async () => {
      const queue = new TestQueue()
      const s = await site(kind, { events: true, tasks: queue })
      const other = await site(kind, { beside: s, events: true, tasks: queue })
      await expired(s, 3)
      const pages = await Promise.all([cron(s), cron(other)])
      const bodies = pages.map(({ body }) => JSON.parse(body) as { id: string; state: string })
      expect(bodies.map(({ state }) => state).sort()).toEqual(['already-running', 'running'])
      expect(bodies[0]?.id).toBe(bodies[1]?.id)
      // The task of the run is lost, and the run counts as dead after half an hour.
      queue.waiting = []
      s.advance(31)
      const next = JSON.parse((await cron(other)).body) as { id: string; state: string }
      expect([next.state, next.id === bodies[0]?.id]).toEqual(['running', false])
      await deliverAll(other, queue)
      expect(await s.count()).toBe(0)
      expect([...s.events, ...other.events]).toHaveLength(3)
    })

    it('R15: a sweep whose time runs out hands on where it stands, and the totals add up', async () => {
      const queue = new TestQueue()
      const s = await site(kind, { events: true, tasks: queue, observed: false })
      const told: string[] = []
      s.sessions.onDelete(({ key }) => {
        told.push(key)
        s.clock.now += 30_000
      })
      const keys = await expired(s, 40)
      await cron(s)
      const answers = await deliverAll(s, queue)
      expect(answers.length).toBeGreaterThan(1)
      expect(answers.every((answer) => Array.isArray(answer) && answer[0] === 200)).toBe(true)
      expect(told.sort()).toEqual(keys.sort())
      expect((await s.sessions.status()).lastSweep).toMatchObject({ state: 'finished', ended: 40 })
      expect(await s.count()).toBe(0)
    })

    it('R17: a save that is under way when all sessions of its user are killed brings none back', async () => {
      const s = await site(kind)
      await s.get('/login/alice')
      const old = s.cookie()
      const writer = await s.held('/set/late')
      expect(await s.sessions.killSessionByUser('alice')).toEqual({ ended: 1, handedOn: false })
      expect((await writer.finish({ keep: false })).setCookie).toEqual([])
      expect(await s.count()).toBe(0)
      expect((await s.read(s.jarWith(old))).user).toBe('__guest__')
    })

    it('R17: a login that the kill could not see, since it was stored after, ends itself', async () => {
      const s = await site(kind, { events: true })
      const login = s.store.hold({ method: 'write', when: 'before' })
      const page = s.get('/login/alice')
      await login.reached
      s.clock.now += 1000
      expect((await s.sessions.killSessionByUser('alice')).ended).toBe(0)
      login.release()
      const refused = await page
      expect([refused.status, refused.body, refused.setCookie]).toEqual([
        500,
        'ERR_SESSION_GONE',
        [],
      ])
      expect((await s.read()).user).toBe('__guest__')
      expect(s.events.map(({ reason, user }) => [reason, user])).toEqual([['killed', 'alice']])
    })
  })
})
