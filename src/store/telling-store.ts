import { isNotedAs } from '../base/shared-copies.ts'
import { storeInFront } from './store-behind.ts'
import { type StoreCall, storeCalls } from './store-calls.ts'
import type { NoteStore, SecurityKeyStore, SessionStore } from './store.ts'

/**
 * Makes a store that publishes its calls if there are subscribers. The Datastore store is returned as it is, since it
 * publishes the calls that it sends, each of which may combine many of these calls.
 */
export function tellingStore(store: SessionStore): SessionStore {
  if (isNotedAs('store that tells of its calls', store)) return store
  const told = tellerOf(store.name)
  const hasNotes = store.writeWithNote !== undefined
  // No closures over the arguments: V8 would allocate a context for them in each call, even if no closure is made.
  return storeInFront(
    store,
    {
      find: (key, options) =>
        storeCalls.isHeard
          ? told('find', 1, store, store.find, [key, options])
          : store.find(key, options),
      write: (mutation, options) =>
        storeCalls.isHeard
          ? told('write', 1, store, store.write, [mutation, options])
          : store.write(mutation, options),
      writeTogether: (mutations, options) =>
        storeCalls.isHeard
          ? told('writeTogether', mutations.length, store, store.writeTogether, [
              mutations,
              options,
            ])
          : store.writeTogether(mutations, options),
      ...(hasNotes && {
        // No rest parameters: each call would allocate an array.
        writeWithNote: (mutations: Args[0], note: Args[1], options: Args[2]) => {
          const call = store.writeWithNote as WithNote
          return storeCalls.isHeard
            ? told('writeWithNote', mutations.length + 1, store, call, [mutations, note, options])
            : call.call(store, mutations, note, options)
        },
      }),
      writeEach: (mutations) =>
        storeCalls.isHeard
          ? told('writeEach', mutations.length, store, store.writeEach, [mutations])
          : store.writeEach(mutations),
      page: (selection, options) =>
        storeCalls.isHeard
          ? told('page', 0, store, store.page, [selection, options])
          : store.page(selection, options),
      pageKeys: (selection, options) =>
        storeCalls.isHeard
          ? told('pageKeys', 0, store, store.pageKeys, [selection, options])
          : store.pageKeys(selection, options),
      notes: tellingNotes(store.notes, told),
      keys: tellingKeys(store.keys, told),
    },
    (entities) => entities,
  )
}

type WithNote = NonNullable<SessionStore['writeWithNote']>

type Args = Parameters<WithNote>

/** Makes a call and publishes it. `of`: the object of the method. */
type Teller = <Args extends readonly unknown[], Result>(
  method: string,
  keys: number,
  of: object,
  call: (...args: Args) => Promise<Result>,
  args: Args,
) => Promise<Result>

function tellerOf(store: string): Teller {
  return async (method, keys, of, call, args) => {
    const about = { store, method, keys, requests: 1, askers: [], waited: 0, waiting: null }
    const context: StoreCall = { ...about, outcome: null, code: null, duration: null }
    return await storeCalls.run(
      context,
      async () => {
        try {
          return await Reflect.apply(call, of, args)
        } catch (error) {
          context.outcome = 'failed'
          throw error
        }
      },
      (_, result) => {
        const { outcome } = Object(result) as { outcome?: unknown }
        context.outcome = outcome === 'conflict' ? 'conflict' : 'answered'
      },
    )
  }
}

function tellingNotes(notes: NoteStore, told: Teller): NoteStore {
  const many = notes.getMany
  return {
    get: (name, options) =>
      storeCalls.isHeard
        ? told('notes.get', 1, notes, notes.get, [name, options])
        : notes.get(name, options),
    ...(many !== undefined && {
      getMany: (names, options) =>
        storeCalls.isHeard
          ? told('notes.getMany', names.length, notes, many, [names, options])
          : many.call(notes, names, options),
    }),
    put: (name, value, version, options) =>
      storeCalls.isHeard
        ? told('notes.put', 1, notes, notes.put, [name, value, version, options])
        : notes.put(name, value, version, options),
    delete: (name, version, options) =>
      storeCalls.isHeard
        ? told('notes.delete', 1, notes, notes.delete, [name, version, options])
        : notes.delete(name, version, options),
    list: (prefix, limit, options) =>
      storeCalls.isHeard
        ? told('notes.list', 0, notes, notes.list, [prefix, limit, options])
        : notes.list(prefix, limit, options),
  }
}

function tellingKeys(keys: SecurityKeyStore, told: Teller): SecurityKeyStore {
  return {
    insert: (records, options) =>
      storeCalls.isHeard
        ? told('keys.insert', records.length, keys, keys.insert, [records, options])
        : keys.insert(records, options),
    find: (name, options) =>
      storeCalls.isHeard
        ? told('keys.find', 1, keys, keys.find, [name, options])
        : keys.find(name, options),
    use: (name, version, options) =>
      storeCalls.isHeard
        ? told('keys.use', 1, keys, keys.use, [name, version, options])
        : keys.use(name, version, options),
    page: (selection, options) =>
      storeCalls.isHeard
        ? told('keys.page', 0, keys, keys.page, [selection, options])
        : keys.page(selection, options),
    remove: (names) =>
      storeCalls.isHeard
        ? told('keys.remove', names.length, keys, keys.remove, [names])
        : keys.remove(names),
  }
}
