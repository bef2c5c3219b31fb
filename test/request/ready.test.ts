import { describe, expect, test, vi } from 'vitest'
import { createSessions, memoryStore, SessionStoreError } from '../../src/index.ts'
import { loadFailure } from '../../src/base/optional-import.ts'
import type { SessionKey } from '../../src/record/id.ts'
import { failingStore } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'

describe('ready()', () => {
  for (const kind of STORE_KINDS) {
    test.skipIf(kind.missing !== null)(`is there at once on the ${kind.name}`, async () => {
      const sessions = createSessions({ store: kind.make() })
      expect(await sessions.ready()).toBeUndefined()
      await sessions.close()
    })
  }

  test('looks for a session on a store without ready(), and throws the error that the first visitor would get', async () => {
    const { find, write, writeTogether, writeEach, page, pageKeys, notes, keys } = failingStore(
      memoryStore(),
    )
    void find
    const store = {
      ...{ name: 'own', shards: 1, write, writeTogether, writeEach, page, pageKeys, notes, keys },
      find: vi.fn(async () => {
        throw new SessionStoreError('it is away', { retryable: false })
      }),
      close: async () => {},
    }
    const sessions = createSessions({ store })
    await expect(sessions.ready()).rejects.toThrow('it is away')
  })
})

describe('close()', () => {
  test('closes the store once, and refuses later calls', async () => {
    const store = failingStore(memoryStore())
    const close = vi.spyOn(store, 'close')
    const sessions = createSessions({ store })
    const open = await sessions.open({ secure: true }).load()
    await Promise.all([sessions.close(), sessions.close()])
    expect(close).toHaveBeenCalledOnce()
    await expect(sessions.open({ secure: true }).load()).rejects.toThrow(/closed/)
    await expect(sessions.ready()).rejects.toThrow(/closed/)
    open.set('a', 1)
    await expect(sessions.commit(open)).rejects.toThrow(/closed/)
  })

  test('makes all methods without a request throw too, with the reason', async () => {
    const sessions = createSessions({ store: memoryStore() })
    await sessions.close()
    const key = 'A'.repeat(43) as SessionKey
    const uses = {
      get: () => sessions.get(key),
      listSessionsByUser: async () => {
        for await (const one of sessions.listSessionsByUser('me')) void one
      },
      killSession: () => sessions.killSession(key),
      killSessionByUser: () => sessions.killSessionByUser('me'),
      killAllSessions: () => sessions.killAllSessions(),
      updateSessionsByUser: () => sessions.updateSessionsByUser('me', () => {}),
      startClearSessions: () => sessions.startClearSessions(),
      handleTask: () => sessions.handleTask({}),
      status: () => sessions.status(),
    }
    for (const [name, use] of Object.entries(uses)) {
      const message = /^these sessions are closed/
      await expect(use(), name).rejects.toMatchObject({ effect: 'none', retryable: false })
      await expect(use(), name).rejects.toThrow(message)
    }
  })
})

describe('a package that could not be loaded', () => {
  const notFound = (message: string): Error =>
    Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' })

  test('is reported as missing where it is not found itself', () => {
    const cause = notFound("Cannot find package 'some-driver' imported from /app/x.js")
    expect(loadFailure('some-driver', 'it()', cause)).toBe(
      'it() needs some-driver: run "npm install some-driver"',
    )
  })

  test('is reported as broken where a part of it is missing, and the message names the part', () => {
    const cause = notFound("Cannot find module './protos.json' imported from /app/bundle.js")
    expect(loadFailure('some-driver', 'it()', cause)).toMatch(
      /could not be loaded \(Cannot find module '\.\/protos\.json'.*--external:some-driver/,
    )
  })
})
