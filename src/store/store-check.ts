import type { NoteStore, SecurityKeyStore, SessionStore } from './store.ts'

/** The methods that an interface requires. The compiler ensures that none is missing. */
type Methods<Of> = {
  readonly [Name in keyof Of as Of[Name] extends (...args: never[]) => unknown
    ? Name
    : never]-?: true
}

const STORE: Methods<SessionStore> = {
  find: true,
  write: true,
  writeTogether: true,
  writeEach: true,
  page: true,
  pageKeys: true,
  close: true,
}

const NOTES: Methods<NoteStore> = { get: true, put: true, delete: true, list: true }

const KEYS: Methods<SecurityKeyStore> = {
  insert: true,
  find: true,
  use: true,
  page: true,
  remove: true,
}

/**
 * Returns the names of the parts that a value lacks to be a store, such as `notes.list`; empty for a complete store.
 */
export function missingParts(store: unknown): string[] {
  const { name, shards, notes, keys } = (store ?? {}) as Partial<
    Record<keyof SessionStore, unknown>
  >
  return [
    ...missingMethods(store, STORE, ''),
    ...(typeof name === 'string' && name !== '' ? [] : ['name']),
    ...(isShardCount(shards) ? [] : ['shards']),
    ...missingMethods(notes, NOTES, 'notes'),
    ...missingMethods(keys, KEYS, 'keys'),
  ]
}

function missingMethods(value: unknown, methods: object, of: string): string[] {
  if (value === null || value === undefined) return of === '' ? Object.keys(methods) : [of]
  return Object.keys(methods)
    .filter((method) => typeof (value as Record<string, unknown>)[method] !== 'function')
    .map((method) => (of === '' ? method : `${of}.${method}`))
}

/** Whether the expiry index can have this number of shards: a power of two from 1 to 256. */
export function isShardCount(shards: unknown): shards is number {
  return (
    typeof shards === 'number' &&
    Number.isInteger(shards) &&
    shards >= 1 &&
    shards <= 256 &&
    (shards & (shards - 1)) === 0
  )
}
