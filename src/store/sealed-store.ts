import { show } from '../base/duration.ts'
import { storeRefusal } from '../base/store-errors.ts'
import type { SessionKey } from '../record/id.ts'
import type { Found, SecurityKeyRecord, SessionRecord, Unreadable } from '../record/record.ts'
import { isSealed, markedUnopened, sealedParts } from '../record/sealed-text.ts'
import type { Sealer } from '../record/sealer.ts'
import type { EntityStore } from './entities.ts'
import { storesRecord } from './mutations.ts'
import { storeInFront } from './store-behind.ts'
import type { FoundSecurityKey, Mutation, SecurityKeyStore, SessionStore } from './store.ts'

/**
 * Makes a store that seals data before it is stored, and opens it when it is read. All other code compares, merges and
 * reads plain data. Data that cannot be opened here is returned as it is stored, and can be stored again unchanged;
 * decoding its payload throws the reason. The limits of the store apply to the sealed data.
 */
export function sealedStore(store: SessionStore, sealer: Sealer): SessionStore {
  const sealed = (mutation: Mutation): Mutation =>
    storesRecord(mutation)
      ? { ...mutation, record: sealedRecord(mutation.record, sealer) }
      : mutation
  const withNote = store.writeWithNote?.bind(store)
  return storeInFront(
    store,
    {
      find: async (key, options) => openedFound(await store.find(key, options), sealer),
      write: (mutation, options) => inPromise(() => store.write(sealed(mutation), options)),
      writeTogether: (mutations, options) =>
        inPromise(() => store.writeTogether(mutations.map(sealed), options)),
      ...(withNote !== undefined && {
        writeWithNote: (mutations, note, options) =>
          inPromise(() => withNote(mutations.map(sealed), note, options)),
      }),
      writeEach: (mutations) => inPromise(() => store.writeEach(mutations.map(sealed))),
      page: async (selection, options) => {
        const { entries, cursor } = await store.page(selection, options)
        return { entries: entries.map((entry) => openedFound(entry, sealer)), cursor }
      },
      keys: sealedKeys(store.keys, sealer),
    },
    (entities) => sealedEntities(entities, sealed),
  )
}

function sealedRecord(record: SessionRecord, sealer: Sealer): SessionRecord {
  return { ...record, data: sealer.seal(record.data, aboutSession(record.key)) }
}

function openedFound<Answer extends Found | Unreadable | null>(
  found: Answer,
  sealer: Sealer,
): Answer {
  if (found === null || found.record === null) return found
  const { key, data } = found.record
  const { text, isOutdated } = sealer.open(data, aboutSession(key))
  if (text === data && !isOutdated) return found
  const record = { ...found.record, data: text }
  return { ...found, record, ...(isOutdated && { isOutdated }) }
}

/** Seals sessions only. Other entities belong to another system and stay readable for it. */
function sealedEntities(
  entities: EntityStore,
  sealed: (mutation: Mutation) => Mutation,
): EntityStore {
  return {
    find: (at, options) => entities.find(at, options),
    writeTogether: (mutations, others, options) =>
      inPromise(() => entities.writeTogether(mutations.map(sealed), others, options)),
  }
}

function sealedKeys(keys: SecurityKeyStore, sealer: Sealer): SecurityKeyStore {
  const sealed = (record: SecurityKeyRecord): SecurityKeyRecord =>
    record.data === null
      ? record
      : { ...record, data: sealer.seal(record.data, aboutKey(record.name)) }
  return {
    insert: (records, options) => inPromise(() => keys.insert(records.map(sealed), options)),
    find: async (name, options) => openedKey(await keys.find(name, options), sealer),
    use: (name, version, options) => keys.use(name, version, options),
    page: (selection, options) => keys.page(selection, options),
    remove: (names) => keys.remove(names),
  }
}

/** Opens the data of a security key; `null` if it is damaged. Throws if this process lacks the encryption key. */
function openedKey(found: FoundSecurityKey | null, sealer: Sealer): FoundSecurityKey | null {
  if (found === null || found.record.data === null) return found
  const { text: data } = sealer.open(found.record.data, aboutKey(found.record.name))
  if (markedUnopened(data) !== null) return null
  if (!isSealed(data)) return { ...found, record: { ...found.record, data } }
  const parts = sealedParts(data)
  if (parts === null) return null
  throw storeRefusal(
    `the data of a security key is sealed with the key ${show(parts.id)}, which the option encryption of this process does not contain, or contains with other bytes: finish the rollout`,
  )
}

function aboutSession(key: SessionKey): string {
  return `viur-session: payload of ${key}`
}

function aboutKey(name: string): string {
  return `viur-session: data of security key ${name}`
}

/** Turns a synchronous error of sealing into a rejection, like the errors of a store. */
async function inPromise<Result>(call: () => Promise<Result>): Promise<Result> {
  return await call()
}
