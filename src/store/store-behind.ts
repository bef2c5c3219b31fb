import { shared } from '../base/shared-copies.ts'
import { type EntityStore, entitiesOf } from './entities.ts'
import type { SessionStore } from './store.ts'

/** By a store that only does something to what it hands on: the one that it hands it to. */
const behind = shared('stores behind', () => new WeakMap<SessionStore, SessionStore>())

/** The store in which a store keeps what it is given: itself, or the one behind it. */
export function storeBehind(store: SessionStore): SessionStore {
  return behind.get(store) ?? store
}

/** The calls that a store in front of another may do in its own way. */
export type FrontCalls = Partial<
  Omit<SessionStore, 'name' | 'shards' | 'bucket' | 'deadline' | 'sweepRate'>
>

/**
 * A store that hands on all that it is asked to `store`, but for what `calls` does in its place. `entities`: what does so for
 * the entities beside the sessions, where the store has them.
 */
export function storeInFront(
  store: SessionStore,
  calls: FrontCalls,
  entities: (behind: EntityStore) => EntityStore,
): SessionStore {
  const withNote = store.writeWithNote?.bind(store)
  // Every member by name, so that a new one of stores is not forgotten here.
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
