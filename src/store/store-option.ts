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

/**
 * Checks the app's store and returns it. Without one, returns a memory store. Throws `SessionConfigError` for a value
 * that is not a store.
 */
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
  // A store of another major version may behave differently under the same names.
  if (typeof store !== 'object' || store === null || otherMajorOf(store) !== null) {
    throw noStore(store)
  }
  const missing = missingParts(store)
  if (missing.includes('find') && missing.includes('write')) throw noStore(store)
  if (missing.length > 0) {
    throw new SessionConfigError(
      `store is not a complete session store: it lacks ${missing.join(', ')} (see the interface SessionStore; storeContract() of viur-session/testing tests a store)`,
    )
  }
  return tellingStore(store)
}

/**
 * Adds a cache to the store, if the option is set. The cache stands behind the encryption, so that sealed data is
 * sealed in memory too.
 */
export function remembering(
  store: SessionStore,
  readCache: ReadCacheOptions | undefined,
  now: Clock,
): SessionStore {
  return readCache === undefined ? store : rememberingStore(store, readCacheFrom(readCache), now)
}

/** Adds encryption to the store, if the option is set. */
export function encrypted(
  store: SessionStore,
  encryption: EncryptionOptions | undefined,
  random: RandomBytes,
): SessionStore {
  return encryption === undefined ? store : sealedStore(store, new Sealer(encryption, random))
}

function noStore(store: unknown): SessionConfigError {
  return wrongOption('store', 'must be a session store, such as datastoreStore() returns', store)
}
