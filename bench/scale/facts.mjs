/**
 * What the model stands on. `published`: from Google's documentation, by the title of the page; `assumed`: ours, with
 * the reason. Nothing here was measured on a real database.
 */

export const MINUTE = 60
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
/** 365.25 days by twelve. */
export const MONTH = (365.25 / 12) * DAY

export const published = {
  /** "Sharded timestamps" (Firestore): writes per second at the end of an index on a rising value. */
  sequentialWrites: 500,
  /** "Best Practices" (Datastore mode), 500/50/5: operations per second that a fresh range begins at. */
  rampStart: 500,
  /** The same: growth, and how often. */
  rampGrowth: 1.5,
  rampEvery: 5 * MINUTE,
  /** "Limits" for legacy entity groups: writes per second to one entity. Today's page names no number. */
  entityWrites: 1,
  /** "Firestore pricing", one region of the us-central1 class, dollars per million operations; 2026-08. */
  read: 0.3,
  write: 0.9,
  delete: 0.1,
  /** Dollars per GiB and month. */
  storage: 0.15,
  /** "Storage Size Calculations": bytes of a session with 2 KB of data and two indexed properties. */
  sessionBytes: 2.8 * 1024,
  /** Cloud Tasks "Pricing": dollars per million operations, beyond the first million of a month. */
  task: 0.4,
  /** Cloud Tasks "Quotas and limits": dispatches per second of one queue. */
  dispatches: 500,
}

export const assumed = {
  /** The scene of the model. */
  live: 100_000_000,
  requests: 50_000,
  /** A visitor asks for so many pages or parts of pages in one visit, one a minute on average. */
  requestsPerVisit: 10,
  gap: MINUTE,
  visit: 10 * MINUTE,
  /** Every tenth request changes the session. */
  changes: 0.1,
  /** `touchEvery`: its default for lifetimes from 50 minutes. */
  touchEvery: 5 * MINUTE,
  /** Seconds of one lookup and one commit over the network; no official numbers exist. */
  lookup: 0.01,
  commit: 0.02,
  /** Seconds for one page of a sweep: a query of 500 and a commit of 500 deletes, lane by lane. */
  sweepPage: 0.2,
  pageSize: 500,
  lanes: 8,
  /** Seconds that one step of a sweep works before it hands on. */
  step: 90,
  /** For how long deleted index rows are met by queries until they are compacted away. */
  tombstones: DAY,
}

/** Lifetimes: the default, and two that shops use. */
export const lifetimes = [
  { name: '1 h', lifetime: HOUR },
  { name: '24 h', lifetime: DAY },
  { name: '14 d', lifetime: 14 * DAY },
]
