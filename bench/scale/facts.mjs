/**
 * The numbers of the model. `published`: from Google's documentation, by the title of the page; `assumed`: our own,
 * with the reason. Nothing here was measured on a real database.
 */

export const MINUTE = 60
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
/** 365.25 days divided by twelve. */
export const MONTH = (365.25 / 12) * DAY

export const published = {
  /** "Sharded timestamps" (Firestore): writes per second at the end of an index on a rising value. */
  sequentialWrites: 500,
  /** "Best Practices" (Datastore mode), 500/50/5: operations per second at which a new range begins. */
  rampStart: 500,
  /** The same page: growth factor and interval. */
  rampGrowth: 1.5,
  rampEvery: 5 * MINUTE,
  /** "Limits" for legacy entity groups: writes per second to one entity. The present page has no number. */
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
  /**
   * Cloud Run "Pricing", tier 1, instance-based billing: $0.000018 a vCPU-second, $0.000002 a GiB-second; 1 vCPU, 0.5
   * GiB.
   */
  instance: 0.000018 + 0.5 * 0.000002,
  /** Network Service Tiers "Pricing", Premium: dollars per GB to the internet, up to 1 TB a month; more is cheaper. */
  egress: 0.12,
  /**
   * Memorystore for Redis, Standard, us-central1: dollars per GB and hour by size in GB, from the price list in the
   * tests of infracost (google_redis_instance); the largest instance from "Redis tier capabilities".
   */
  redis: {
    sizes: [
      { upTo: 4, price: 0.064 },
      { upTo: 10, price: 0.054 },
      { upTo: 35, price: 0.046 },
      { upTo: 100, price: 0.035 },
      { upTo: 300, price: 0.03 },
    ],
    most: 300,
  },
}

export const assumed = {
  /** The scene of the model. */
  live: 100_000_000,
  requests: 50_000,
  /** Pages or parts of pages in one visit, one a minute on average. */
  requestsPerVisit: 10,
  gap: MINUTE,
  visit: 10 * MINUTE,
  /** Every tenth request changes the session. */
  changes: 0.1,
  /** `touchEvery`: its default for lifetimes from 50 minutes. */
  touchEvery: 5 * MINUTE,
  /** Seconds of one lookup and one commit over the network; there are no official numbers. */
  lookup: 0.01,
  commit: 0.02,
  /** Seconds for one page of a sweep in one lane: a query of 500 and a commit of 500 deletes. */
  sweepPage: 0.2,
  pageSize: 500,
  lanes: 8,
  /** Seconds that one step of a sweep works before it starts the next. */
  step: 90,
  /** Logins per new session. */
  loginsPerSession: 0.3,
  /** Seconds for which a process could answer reads from memory; longer would make a logout too late. */
  fromMemory: 30,
  /** Processor share at which the next instance starts: the target of Cloud Run. */
  use: 0.6,
  /**
   * Size in Redis of 2 KB of data, with key, expiry and rounding by its allocator; then the used share of an instance.
   */
  redisBytes: 2400,
  redisUse: 0.8,
  /**
   * Processor time in ms above the bare app. Redis: express-session with its memory store (0.06 by bench/RESULTS.md),
   * and the same again for a GET and an EXPIRE over a socket, which was not measured. Cookie: cookie-session by
   * bench/RESULTS.md.
   */
  redisCpu: 0.12,
  cookieCpu: 0.06,
  /** 2 KB of data as base64, with its signature. */
  cookieBytes: 2800,
  /** How long queries still meet deleted index rows, until these are compacted. */
  tombstones: DAY,
}

/** Lifetimes: the default, and two that shops use. */
export const lifetimes = [
  { name: '1 h', lifetime: HOUR },
  { name: '24 h', lifetime: DAY },
  { name: '14 d', lifetime: 14 * DAY },
]
