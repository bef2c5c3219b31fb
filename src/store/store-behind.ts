import { shared } from '../base/shared-copies.ts'
import { type EntityStore, entitiesOf } from './entities.ts'
import type { SessionStore } from './store.ts'

/** The innermost store behind each store that {@link storeInFront} made. */
const behind = shared('stores behind', () => new WeakMap<SessionStore, SessionStore>())

/** Returns the innermost store behind a store, or the store itself. */
export function storeBehind(store: SessionStore): SessionStore {
  return behind.get(store) ?? store
}

/** The methods that a store in front of another may replace. */
export type FrontCalls = Partial<
  Omit<SessionStore, 'name' | 'shards' | 'bucket' | 'deadline' | 'sweepRate'>
>

/**
 * Makes a store that passes all calls on to `store`, except those that `calls` replaces. `entities`: does the same for
 * the store's access to other entities, if it has one.
 */
export function storeInFront(
  store: SessionStore,
  calls: FrontCalls,
  entities: (behind: EntityStore) => EntityStore,
): SessionStore {
  const withNote = store.writeWithNote?.bind(store)
  // Lists every member by name, so that the compiler reports a new member that is missing here.
  const all: { readonly [Name in keyof Required<SessionStore>]: SessionStore[Name] | undefined } = {
    name: store.name,
    shards: store.shards,
    bucket: store.bucket,
    deadline: store.deadline,
    sweepRate: store.sweepRate,
    find: (key, options) => store.find(key, options),
    write: (mutation, options) => store.write(mutation, options),
    writeTogether: (mutations, options) => store.writeTogether(mutations, options),
    writeWithNote: withNote,
    writeEach: (mutations) => store.writeEach(mutations),
    page: (selection, options) => store.page(selection, options),
    pageKeys: (selection, options) => store.pageKeys(selection, options),
    notes: store.notes,
    keys: store.keys,
    ready: store.ready === undefined ? undefined : () => store.ready?.() ?? Promise.resolve(),
    close: () => store.close(),
    ...calls,
  }
  const own = Object.fromEntries(Object.entries(all).filter(([, part]) => part !== undefined))
  const others = entitiesOf(store)
  const made = {
    ...own,
    ...(others !== null && { entities: entities(others) }),
  } as unknown as SessionStore
  behind.set(made, storeBehind(store))
  return made
}
