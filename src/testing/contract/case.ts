import assert from 'node:assert/strict'
import type { SessionErrorCode } from '../../base/errors.ts'
import type { SessionKey } from '../../record/id.ts'
import type { Mutation, SessionStore, WriteResult } from '../../store/store.ts'
import type { Found, SessionRecord, Version } from '../../record/record.ts'

/** One promise of `SessionStore`, and the test for it. */
export interface ContractCase {
  readonly name: string
  run(store: SessionStore): Promise<void>
}

/** Stores a record that must not exist yet, and returns its version. */
export async function insert(store: SessionStore, record: SessionRecord): Promise<Version> {
  return applied(await store.write({ kind: 'insert', record }))
}

/** Updates a record at this version, which must succeed, and returns its new version. */
export async function update(
  store: SessionStore,
  record: SessionRecord,
  version: Version,
): Promise<Version> {
  return applied(await store.write({ kind: 'update', record, version }))
}

/** Deletes a record at this version, which must succeed. */
export async function deleteAt(
  store: SessionStore,
  key: SessionKey,
  version: Version,
): Promise<void> {
  applied(await store.write({ kind: 'delete', key, version }))
}

/** Asserts that the condition of a write fails. */
export async function assertConflict(store: SessionStore, mutation: Mutation): Promise<void> {
  assert.equal((await store.write(mutation)).outcome, 'conflict')
}

/** Returns the version of a write that must have been applied. */
export function applied(result: WriteResult): Version {
  assert.equal(result.outcome, 'applied', 'the write has to be applied')
  return (result as { version: Version }).version
}

/** Returns the stored record, which must exist and be readable. */
export async function stored(store: SessionStore, key: SessionKey): Promise<Found> {
  const found = await store.find(key)
  assert.ok(found !== null, 'the record has to be there')
  assert.ok(
    found.record !== null,
    `the record has to be readable, but: ${'why' in found ? found.why : ''}`,
  )
  return found
}

/** Asserts that exactly this record is stored, at this version. */
export async function assertStored(
  store: SessionStore,
  record: SessionRecord,
  version: Version,
): Promise<void> {
  const found = await stored(store, record.key)
  assert.deepEqual(withoutExtra(found.record), withoutExtra(record))
  assert.equal(found.version, version, 'the version has to be the one that the last write gave')
}

/** Asserts that nothing is stored under the key. */
export async function assertAbsent(store: SessionStore, key: SessionKey): Promise<void> {
  assert.equal(await store.find(key), null, 'nothing may be stored')
}

/** Asserts that a call is refused with an error of this code, and returns the error. */
export async function assertRefused(
  call: () => Promise<unknown>,
  code: SessionErrorCode,
): Promise<Error & { readonly effect?: string; readonly retryable?: boolean }> {
  try {
    await call()
  } catch (error) {
    assert.ok(error instanceof Error)
    // Compared by code and not by class: a store may use its own copy of this package.
    assert.equal(
      (error as { code?: unknown }).code,
      code,
      `the error has to be of code ${code}: ${error.message}`,
    )
    return error
  }
  throw new assert.AssertionError({ message: `the call has to be refused with ${code}` })
}

/** Asserts that a call is refused by the store in a way that trying again cannot mend, and returns the error. */
export async function assertNotRetryable(
  call: () => Promise<unknown>,
): Promise<Awaited<ReturnType<typeof assertRefused>>> {
  const error = await assertRefused(call, 'ERR_SESSION_STORE')
  assert.equal(error.retryable, false)
  return error
}

/** Asserts that exactly one of the writes was applied, and all others conflicted. Returns the place of the one. */
export function winnerOf(results: readonly { readonly outcome: string }[]): number {
  const outcomes = results.map(({ outcome }) => outcome)
  const expected = ['applied', ...outcomes.slice(1).fill('conflict')]
  assert.deepEqual(outcomes.toSorted(), expected, 'exactly one write has to be applied')
  return outcomes.indexOf('applied')
}

/** The record without properties of other releases. */
function withoutExtra(record: SessionRecord): Omit<SessionRecord, 'extra'> {
  const { extra: _, ...known } = record
  return known
}
