import type { CallOptions, Mutation, WriteTogetherResult } from '../store/store.ts'
import type { Found, SessionRecord, Unreadable, Version } from '../record/record.ts'
import { type ExpiryPolicy, isSavable } from '../record/expiry.ts'
import type { SessionKey } from '../record/id.ts'
import { type Unit, unitOf } from '../record/payload.ts'

/** Where a session remembers the old one that it came from, while both systems serve it. */
export const LINK_UNIT: Unit = unitOf('viur-session:old', 'link')

/** Writes sessions, and in the same commit what another system stored. */
export interface Beside {
  commit(mutations: readonly Mutation[], options?: CallOptions): Promise<WriteTogetherResult>
}

/** Asks the store for what is there now, for somebody who waits so long and no longer. */
export interface Asking {
  find(key: SessionKey): Promise<Found | Unreadable | null>
  ask<Result>(call: (deadline: number) => Promise<Result>): Promise<Result>
}

/** Where an imported session comes from. */
export interface ImportOrigin {
  /** Stores the session in our layout. */
  readonly adopting: Beside
  /** Ends the session where it comes from. */
  readonly ending: Beside
  /** Set where an expired record of ours has the key already, and is to be replaced. */
  readonly replaces: Version | null
  /** The last instant at which it can still be stored, in milliseconds since the epoch. */
  readonly savableUntil: number
  /** What there is now: in our layout if somebody else has brought it over, else as it was; `null`: it has ended. */
  again(asking: Asking): Promise<Found | Unreadable | null>
}

/**
 * A session that another system stored, in the form that it will have in our layout. Nothing of it is stored there
 * yet: the first write of the session does that, and takes it away from where it comes from.
 */
export class Imported implements Found {
  readonly record: SessionRecord
  /** Of where it comes from, so of no use to our store. */
  readonly version: Version
  readonly origin: ImportOrigin

  constructor(record: SessionRecord, version: Version, origin: ImportOrigin) {
    this.record = record
    this.version = version
    this.origin = origin
  }
}

/** Whether the first write gives the session an id that the browser does not have yet. */
export function hasNewId(found: Found): boolean {
  return found instanceof Imported && found.origin.replaces === null
}

/** Whether the session may still be saved, though its time may have run out since it was loaded. */
export function isFoundSavable(found: Found, policy: ExpiryPolicy, now: number): boolean {
  return found instanceof Imported
    ? now <= found.origin.savableUntil
    : isSavable(found.record, policy, now)
}

/** The write that stores this record where `base` was found, and what goes with it. */
export function storing(
  base: Found,
  record: SessionRecord,
): { readonly mutation: Mutation; readonly beside: Beside | null } {
  if (!(base instanceof Imported)) {
    return { mutation: { kind: 'update', record, version: base.version }, beside: null }
  }
  const { adopting, replaces } = base.origin
  return {
    mutation:
      replaces === null
        ? { kind: 'insert', record }
        : { kind: 'update', record, version: replaces },
    beside: adopting,
  }
}
