import type { Clock } from '../base/clock.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { SessionLogger } from '../base/logger.ts'
import { wrongOption } from '../base/option-checks.ts'
import { otherMajorOf } from '../base/shared-copies.ts'
import type { RandomBytes } from '../record/id.ts'
import { type EncryptionOptions, Sealer } from '../record/sealer.ts'
import { memoryStore } from './memory/store.ts'
import { type ReadCacheOptions, readCacheFrom } from './read-cache-options.ts'
import { rememberingStore } from './remembering-store.ts'
import { sealedStore } from './sealed-store.ts'
import type { SessionStore } from './store.ts'
import { tellingStore } from './telling-store.ts'
import { missingParts } from './store-check.ts'

/** The store of an app, checked; without one, the memory of this process. Throws `SessionConfigError` for what is none. */
export function storeFrom(
  store: SessionStore | undefined,
  now: Clock,
  production: boolean,
  logger: SessionLogger,
): SessionStore {
  if (store === undefined) {
    if (production) {
      logger.warn(
        'sessions are kept in the memory of this process: set the option "store", for example to datastoreStore(), to keep them across restarts and instances',
      )
    }
    return tellingStore(memoryStore({ now }))
  }
  // One of another major may do something else under the same names.
  if (typeof store !== 'object' || store === null || otherMajorOf(store) !== null) {
    throw noStore(store)
  }
  const missing = missingParts(store)
  if (missing.includes('find') && missing.includes('write')) throw noStore(store)
  if (missing.length > 0) {
    throw new SessionConfigError(
      `store is no whole session store: it lacks ${missing.join(', ')} (see the interface SessionStore; storeContract() of viur-session/testing tries a store)`,
    )
  }
  return tellingStore(store)
}

/** The same store, remembered where that is asked for. Below what seals: what is sealed in the store is sealed in memory too. */
export function remembering(
  store: SessionStore,
  readCache: ReadCacheOptions | undefined,
  now: Clock,
): SessionStore {
  return readCache === undefined ? store : rememberingStore(store, readCacheFrom(readCache), now)
}

/** The same store, with its data sealed where that is asked for. */
export function encrypted(
  store: SessionStore,
  encryption: EncryptionOptions | undefined,
  random: RandomBytes,
): SessionStore {
  return encryption === undefined ? store : sealedStore(store, new Sealer(encryption, random))
}

function noStore(store: unknown): SessionConfigError {
  return wrongOption('store', 'must be a session store, such as datastoreStore() gives', store)
}
