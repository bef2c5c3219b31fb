import { describe, expect, it } from 'vitest'
import {
  createSessions,
  memoryStore,
  SessionConfigError,
  type SessionStore,
} from '../../src/index.ts'
import { failingStore } from '../../src/testing/index.ts'

/** A store of an app, which passes all calls on to a store of ours but lacks the named parts. */
function storeWithout(...parts: string[]): SessionStore {
  const store = memoryStore()
  const whole: Record<string, unknown> = {
    name: 'own',
    shards: 16,
    notes: { ...methodsOf(store.notes, ['get', 'put', 'delete', 'list']) },
    keys: { ...methodsOf(store.keys, ['insert', 'find', 'use', 'page', 'remove']) },
    ...methodsOf(store, [
      'find',
      'write',
      'writeTogether',
      'writeEach',
      'page',
      'pageKeys',
      'close',
    ]),
  }
  for (const part of parts) {
    const [outer = '', inner] = part.split('.')
    if (inner === undefined) delete whole[outer]
    else delete (whole[outer] as Record<string, unknown>)[inner]
  }
  return whole as unknown as SessionStore
}

function methodsOf(target: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.map((name) => [name, (Reflect.get(target, name) as () => unknown).bind(target)]),
  )
}

describe('createSessions()', () => {
  it('accepts a complete store, and one that passes calls on', () => {
    expect(() => createSessions({ store: storeWithout() })).not.toThrow()
    expect(() => createSessions({ store: failingStore(memoryStore()) })).not.toThrow()
  })

  it.each([
    'name',
    'shards',
    'notes',
    'keys',
    'notes.get',
    'notes.put',
    'notes.delete',
    'notes.list',
    'keys.insert',
    'keys.find',
    'keys.use',
    'keys.page',
    'keys.remove',
    'find',
    'write',
    'writeTogether',
    'writeEach',
    'page',
    'pageKeys',
    'close',
  ])('refuses a store without %s and names it', (part) => {
    const make = () => createSessions({ store: storeWithout(part) })
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(`it lacks ${part} (`)
  })

  it('names everything that is missing at once', () => {
    expect(() => createSessions({ store: storeWithout('notes', 'keys.use', 'shards') })).toThrow(
      'it lacks shards, notes, keys.use (',
    )
  })

  it.each([0, 3, 512, '16', Number.NaN])('refuses a store with %j shards', (shards) => {
    const store = { ...storeWithout(), shards } as unknown as SessionStore
    expect(() => createSessions({ store })).toThrow('it lacks shards (')
  })
})
