/**
 * List prices of Firestore in Datastore mode, in dollars per million, single region (us-central1), from the pages
 * "Firestore pricing" and "Firestore in Datastore mode pricing" of Google Cloud as of 21 August 2026. A lookup of a
 * missing key is billed as a read, and a call for several keys as one operation for each.
 */
export const PRICES = { reads: 0.3, writes: 0.9, deletes: 0.1 }

/** Dollars for a million times these counts. */
export function perMillion({ reads, writes, deletes }) {
  return reads * PRICES.reads + writes * PRICES.writes + deletes * PRICES.deletes
}
