import { describe, expect, test, vi } from 'vitest'
import { createSessions, memoryStore, SessionStoreError } from '../../src/index.ts'
import { loadFailure } from '../../src/base/optional-import.ts'
import type { SessionKey } from '../../src/record/id.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { failingStore } from '../../src/testing/index.ts'
import { emulatorStore, STORE_KINDS, uniqueSpace } from '../setup/stores.ts'

describe('ready()', () => {
  for (const kind of STORE_KINDS) {
    test.skipIf(kind.missing !== null)(`is there at once on the ${kind.name}`, async () => {
      const sessions = createSessions({ store: kind.make() })
      expect(await sessions.ready()).toBeUndefined()
      await sessions.close()
    })
  }

  test('looks for a session on a store that knows nothing of it, and throws what the first visitor would meet', async () => {
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

  test('names address, variable and command where no emulator listens', async () => {
    const store = emulatorStore('127.0.0.1:1', uniqueSpace(), { deadline: 1000 })
    const sessions = createSessions({ store })
    await expect(sessions.ready()).rejects.toThrow(
      /127\.0\.0\.1:1, where DATASTORE_EMULATOR_HOST says .* start it by "gcloud beta emulators/,
    )
    await sessions.close()
  })

  test.each([
    [
      7,
      'Cloud Datastore API has not been used in project p before or it is disabled.',
      /gcloud services enable datastore\.googleapis\.com/,
    ],
    [
      9,
      'The Cloud Datastore API is not available for Firestore in Native Mode.',
      /--type=datastore-mode/,
    ],
    [
      9,
      'The Cloud Datastore API is not available for Cloud Firestore projects.',
      /--type=datastore-mode/,
    ],
    [5, 'The database (default) does not exist for project p', /gcloud firestore databases create/],
    [7, 'Missing or insufficient permissions.', /roles\/datastore\.user/],
    [
      16,
      'Request had invalid authentication credentials.',
      /gcloud auth application-default login/,
    ],
  ])('says what to do about code %i: %s', async (code, text, message) => {
    const fail = async (): Promise<never> => {
      throw Object.assign(new Error(`${code} ${text}`), { code })
    }
    const client = { lookup: fail, commit: fail, runQuery: fail }
    const sessions = createSessions({ store: datastoreStore({ client, projectId: 'p' }) })
    await expect(sessions.ready()).rejects.toThrow(message)
  })
})

describe('close()', () => {
  test('lets go of the store once, and refuses what comes after it', async () => {
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

  test('refuses all that needs no request too, and says why', async () => {
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

  test('is missing where it is not found itself', () => {
    const cause = notFound("Cannot find package 'some-driver' imported from /app/x.js")
    expect(loadFailure('some-driver', 'it()', cause)).toBe(
      'it() needs some-driver: run "npm install some-driver"',
    )
  })

  test('is broken where it misses a part of its own, and the message says which', () => {
    const cause = notFound("Cannot find module './protos.json' imported from /app/bundle.js")
    expect(loadFailure('some-driver', 'it()', cause)).toMatch(
      /could not be loaded \(Cannot find module '\.\/protos\.json'.*--external:some-driver/,
    )
  })
})
