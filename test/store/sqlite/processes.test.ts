import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { createSessions } from '../../../src/index.ts'
import type { SessionKey } from '../../../src/record/id.ts'
import type { SessionRecord } from '../../../src/record/record.ts'
import { sqliteStore } from '../../../src/store/sqlite/index.ts'
import { nodeSqlite } from '../../../src/store/sqlite/node-sqlite.ts'
import { sampleRecord } from '../../../src/testing/sample-record.ts'
import { freshFiles, MISSING } from './files.ts'

const fresh = freshFiles()
const script = fileURLToPath(new URL('child.ts', import.meta.url))
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** The output of a process, by line. */
type Said = Readonly<Record<string, unknown>>

/** Starts work in a separate process. `heard`: its output so far. */
function start(
  work: string,
  file: string,
  input: object = {},
  heard: (said: Said, child: ChildProcess) => void = () => {},
): Promise<{ readonly code: number | null; readonly said: readonly Said[] }> {
  // Node 22 prints a warning for both. Older releases of it run TypeScript only with the flag.
  const flags = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, script, work, file, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const said: Said[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.push(JSON.parse(line) as Said)
    heard(said.at(-1) as Said, child)
  })
  return once(child, 'close').then(([code]) => ({ code: code as number | null, said }))
}

/** Returns the faults that SQLite itself finds in the file. */
function integrityOf(file: string): unknown {
  const connection = new (nodeSqlite().DatabaseSync)(file)
  const row = connection.prepare('PRAGMA integrity_check').get()
  connection.close()
  return row?.['integrity_check']
}

describe.skipIf(MISSING !== null)(`processes on one file of SQLite${MISSING ?? ''}`, () => {
  it('keep all answered writes, and no half of another, when one is killed at any moment', async () => {
    for (let round = 0; round < 8; round++) {
      const file = fresh()
      let answers = 0
      // At a different moment each time: after an answer, or when the next write has started.
      const { said } = await start('login', file, {}, (line, child) => {
        if ('done' in line) answers += 1
        const isMoment = round % 2 === 0 ? 'done' in line : 'begun' in line
        if (isMoment && answers >= round * 7) child.kill('SIGKILL')
      })
      expect(integrityOf(file)).toBe('ok')
      const store = sqliteStore({ file })
      const { keys } = await store.pageKeys({ by: 'all' }, { limit: 10 })
      const begun = said.flatMap((line) => ('begun' in line ? [line['begun']] : []))
      const done = said.flatMap((line) => ('done' in line ? [line['done']] : []))
      if (done.length === 0) expect(keys.length).toBeLessThan(2)
      else expect(keys).toHaveLength(1)
      // The last answered write, or the one that was running: never an earlier one.
      if (keys.length > 0) expect([done.at(-1), begun.at(-1)]).toContain(keys[0])
      // The next process continues where this one ended.
      const record = sampleRecord()
      expect(await store.write({ kind: 'insert', record })).toMatchObject({ outcome: 'applied' })
      await store.close()
    }
  })

  it('leave all or nothing of a login when one is killed before any statement of it', async () => {
    let lived = false
    for (let statement = 1; !lived; statement++) {
      const file = fresh()
      const store = sqliteStore({ file })
      const record = sampleRecord()
      await store.write({ kind: 'insert', record })
      const { code, said } = await start(`replace/${statement}`, file, { key: record.key })
      const { keys } = await store.pageKeys({ by: 'all' }, { limit: 10 })
      expect(keys, `killed before statement ${statement}`).toHaveLength(1)
      lived = code === 0
      if (lived) expect(keys).toEqual([said[0]?.['done']])
      else expect(keys).toEqual([record.key])
      await store.close()
      // Opening the file takes some statements, and the login takes more.
      if (lived) expect(statement).toBeGreaterThan(8)
    }
  })

  it('can create it at the same time, and each finds its own data in it', async () => {
    const file = fresh()
    const ended = await Promise.all(Array.from({ length: 4 }, () => start('create', file)))
    const store = sqliteStore({ file })
    const { keys } = await store.pageKeys({ by: 'all' }, { limit: 10 })
    const said = ended.flatMap(({ said }) => said)
    expect(said.map(({ outcome }) => outcome)).toEqual(Array(4).fill('applied'))
    expect([...keys].sort()).toEqual(said.map(({ key }) => key).sort())
    await store.close()
  })

  it('count together without losing one', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    const record = sampleRecord({ fence: 0 })
    await store.write({ kind: 'insert', record })
    const count = 25
    const ended = await Promise.all(
      Array.from({ length: 3 }, () => start('count/slow', file, { key: record.key, count })),
    )
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0])
    expect((await store.find(record.key))?.record?.fence).toBe(3 * count)
    await store.close()
  })

  it('get the lock in time, even if the disk is slow and others write without a break', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    await store.pageKeys({ by: 'all' }, { limit: 1 })
    const hasBegun = Array.from({ length: 3 }, () => {
      return new Promise<void>((resolve) => {
        void start('crowd/slow-disk', file, {}, () => resolve())
      })
    })
    await Promise.all(hasBegun)
    // About forty of their writes fit into this time. The lock should come after the second or third.
    const options = { deadline: 2000 }
    for (let written = 0; written < 12; written++) {
      const write = store.write({ kind: 'insert', record: sampleRecord() }, options)
      await expect(write).resolves.toMatchObject({ outcome: 'applied' })
    }
    await store.close()
  })

  it('never write a session back that another one has logged out', async () => {
    const file = fresh()
    const sessions = createSessions({ store: sqliteStore({ file }), cookie: { secure: false } })
    const session = await sessions.open({}).load()
    await session.login('alice')
    const { setCookie } = await sessions.commit(session)
    const cookie = setCookie[0]?.split(';')[0] as string
    const key = session.key as SessionKey
    let rounds = (): void => {}
    const both = new Promise<void>((resolve) => {
      let waited = 2
      rounds = () => {
        waited -= 1
        if (waited === 0) resolve()
      }
    })
    const writers = [1, 2].map(() =>
      start('change', file, { cookie }, (line) => {
        if (line['round'] === 20) rounds()
      }),
    )
    // A writer that ends by itself has failed, and prints the reason.
    await Promise.race([both, ...writers])
    const mine = await sessions.open({ cookie }).load()
    await mine.logout()
    await sessions.commit(mine)
    expect(await sessions.get(key)).toBeNull()
    for (const { code, said } of await Promise.all(writers)) {
      expect(code).toBe(0)
      expect(said.at(-1)).toMatchObject({ outcome: 'unknown' })
    }
    expect(await sessions.get(key)).toBeNull()
    await sessions.close()
  })

  it('sweep at the same time, so that each end has an event and no live session is removed', async () => {
    const file = fresh()
    const store = sqliteStore({ file })
    const now = Date.UTC(2031, 0, 1)
    const hour = 60 * 60 * 1000
    const times = (at: number): Partial<SessionRecord> => ({ created: at, lastSeen: at })
    const old = Array.from({ length: 300 }, (_, at) =>
      sampleRecord({ ...times(now - 9 * hour), expires: now - 3 * hour - (at % 5) * hour }),
    )
    const alive = Array.from({ length: 20 }, () =>
      sampleRecord({ ...times(now - hour), expires: now + hour }),
    )
    await store.writeEach([...old, ...alive].map((record) => ({ kind: 'insert', record })))
    const ended = await Promise.all([1, 2].map(() => start('sweep', file, { now })))
    const told = new Set(ended.flatMap(({ said }) => said.map((line) => line['ended'])))
    told.delete(undefined)
    expect(ended.map(({ code }) => code)).toEqual([0, 0])
    expect([...told].sort()).toEqual(old.map(({ key }) => key).sort())
    const { keys } = await store.pageKeys({ by: 'all' }, { limit: 1000 })
    expect([...keys].sort()).toEqual(alive.map(({ key }) => key).sort())
    await store.close()
  })
})
