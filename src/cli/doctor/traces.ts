import type { SessionStore } from '../../store/store.ts'
import { type Removed, removeKeys, removeSessions } from '../teardown.ts'

/** A store whose written records can be deleted again. */
export interface TracedStore {
  readonly store: SessionStore
  /** Deletes everything that was stored through it, also what was stored past it. Closes nothing. */
  remove(): Promise<void>
}

/** Makes such a store. Notes can only be listed by prefix, so their names are recorded here. */
export function traced(store: SessionStore): TracedStore {
  const names = new Set<string>()
  let hasKeys = false
  const notes = watching(store.notes, {
    put: (name) => names.add(name as string),
  })
  const keys = watching(store.keys, {
    insert: () => {
      hasKeys = true
    },
  })
  const outer = watching(store, {
    writeWithNote: (_, note) => names.add((note as { name: string }).name),
  })
  return {
    store: new Proxy(outer, {
      get: (target, name) =>
        name === 'notes' ? notes : name === 'keys' ? keys : Reflect.get(target, name),
    }),
    remove: async () => {
      const removed: Removed = { sessions: 0, securityKeys: 0, notes: 0 }
      await removeSessions(store, removed, new AbortController().signal)
      if (hasKeys) await removeKeys(store, removed)
      for (const name of names) {
        // The contract also tries names that the store refuses.
        const note = await store.notes.get(name).catch(() => null)
        if (note !== null) await store.notes.delete(name, note.version)
      }
    },
  }
}

type Watch = Readonly<Record<string, (...args: unknown[]) => unknown>>

/** Returns the same object with a function that is called before each method call. */
function watching<Of extends object>(object: Of, watch: Watch): Of {
  return new Proxy(object, {
    get: (target, name) => {
      const part: unknown = Reflect.get(target, name, target)
      if (typeof part !== 'function') return part
      return (...args: unknown[]) => {
        watch[name as string]?.(...args)
        return Reflect.apply(part, target, args) as unknown
      }
    },
  })
}
