import session from 'express-session'
import { describe } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { expressSessionContract } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'

// The tests are those that the package hands out, so they also run on the store that express-session comes with.
for (const { name, missing, make } of STORE_KINDS) {
  describe.skipIf(missing !== null)(`DatastoreSessionStore on ${name}`, async () => {
    await expressSessionContract(() => new DatastoreSessionStore({ store: make() }), {
      close: (store) => (store as DatastoreSessionStore).close(),
    })
  })
}

describe("express-session's own MemoryStore", async () => {
  await expressSessionContract(() => new session.MemoryStore(), {
    leaveOut: ['ended-stays-ended', 'merged-changes', 'errors-by-callback'],
  })
})
