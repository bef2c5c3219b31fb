/**
 * List prices of Firestore in Datastore mode, dollars per million, single region (us-central1): from the pages
 * "Firestore pricing" and "Firestore in Datastore mode pricing" of Google Cloud as of 21 August 2026. A lookup of a
 * key that does not exist is billed as a read, and a call for many keys as that many.
 */
export const PRICES = { reads: 0.3, writes: 0.9, deletes: 0.1 }

/** Dollars for a million of what was counted once. */
export function perMillion({ reads, writes, deletes }) {
  return reads * PRICES.reads + writes * PRICES.writes + deletes * PRICES.deletes
}
