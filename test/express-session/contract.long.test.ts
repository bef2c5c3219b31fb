import session from 'express-session'
import { describe } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { expressSessionContract } from './contract/index.ts'

// The tests also run on express-session's own store, whose behaviour the middleware relies on.
for (const { name, missing, make } of STORE_KINDS) {
  describe.skipIf(missing !== null)(`DatastoreSessionStore on ${name}`, () => {
    expressSessionContract(() => new DatastoreSessionStore({ store: make() }), {
      close: (store) => (store as DatastoreSessionStore).close(),
    })
  })
}

describe("express-session's own MemoryStore", () => {
  expressSessionContract(() => new session.MemoryStore(), {
    leaveOut: ['ended-stays-ended', 'merged-changes', 'errors-by-callback'],
  })
})
