import { describe, expect, it } from 'vitest'
import * as core from '../src/index.ts'
import { type Copy, copyOf } from './setup/copy.ts'

const COPIES = [
  ['an ES module', await copyOf({ format: 'esm' })],
  ['a CommonJS module', await copyOf({ format: 'cjs' })],
] as const satisfies readonly (readonly [string, Copy])[]

describe.each(COPIES)('another copy of the package, %s', (_name, other) => {
  it('takes errors of another copy for its own, each class for the same and for those it is made of', () => {
    const error = new other.core.SessionStoreError('it is down')
    expect(error).toBeInstanceOf(core.SessionStoreError)
    expect(error).toBeInstanceOf(core.SessionError)
    expect(error).not.toBeInstanceOf(core.SessionGoneError)
    expect(new other.core.SessionError('x')).not.toBeInstanceOf(core.SessionStoreError)
    class Mine extends core.SessionStoreError {}
    expect(new Mine('x')).toBeInstanceOf(Mine)
    expect(new Mine('x')).toBeInstanceOf(other.core.SessionStoreError)
    expect(error).not.toBeInstanceOf(Mine)
    expect(new core.SessionStoreError('x')).not.toBeInstanceOf(Mine)
    expect(
      [null, undefined, {}, new Error('x')].some((each) => each instanceof core.SessionError),
    ).toBe(false)
  })

  it('goes by what a store of another copy says of a failure', async () => {
    const store = core.memoryStore()
    const down = new other.core.SessionStoreError('it is down', {
      effect: 'none',
      retryable: false,
    })
    let finds = 0
    store.find = async () => {
      finds += 1
      throw down
    }
    const sessions = core.createSessions({ store, cookie: { secure: false } })
    const session = sessions.open({ cookie: `viur-session=${'A'.repeat(42)}A` })
    await expect(session.load()).rejects.toBe(down)
    expect(finds).toBe(1)
  })

  it('runs iterators and sweeps that were made of the classes of another copy', async () => {
    const seen: string[] = []
    class Mine extends other.core.QueryIter {
      static override readonly id = 'mine'
      override handleEntry(entry: core.SessionEntry): void {
        seen.push(entry.user)
      }
    }
    class Sweep extends other.core.DeleteSessionsIter {}
    const store = core.memoryStore()
    const sessions = core.createSessions({
      store,
      iterators: [Mine],
      sweep: Sweep,
      cookie: { secure: false },
    })
    const session = await sessions.open({}).load()
    await session.login('ann')
    await sessions.commit(session)
    await sessions.startIterOnQuery(Mine, { select: 'all' })
    expect(seen).toEqual(['ann'])
    expect((await sessions.startClearSessions()).state).toBe('finished')
    expect(() =>
      core.createSessions({ iterators: [other.core.QueryIter as unknown as typeof Mine] }),
    ).toThrow(core.SessionConfigError)
  })
})
