import { type Channel, channel } from 'node:diagnostics_channel'
import type { Clock } from '../base/clock.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { SessionKey } from './id.ts'

/**
 * A problem with a session, or a suspicious request. It is published immediately on the channel of
 * `node:diagnostics_channel` named `viur-session:` plus the kind. It contains no session id, no security key and no
 * data: `key` is the hash that names the stored session.
 */
export type Trouble =
  /** This process received many well-formed ids that are not stored: a client guesses ids, or replays old cookies. */
  | { readonly kind: 'unknown-ids'; readonly count: number; readonly within: number }
  /** A cookie contained the id of a session that has ended. */
  | { readonly kind: 'ended-id'; readonly key: SessionKey }
  /** A security key was refused. */
  | { readonly kind: 'key-refused'; readonly key: SessionKey | null; readonly why: KeyRefusal }
  /** A state-changing request was refused because no page of this app sent it. */
  | { readonly kind: 'origin-refused'; readonly why: string }
  /** A caller without permission called a cron or task route. */
  | {
      readonly kind: 'caller-refused'
      readonly caller: string
      readonly purpose: string
      readonly why: string
    }
  /** A write conflicted with another write. It is tried again on the newer state. */
  | { readonly kind: 'conflict'; readonly key: SessionKey }
  /** Changes were dropped because the session ended elsewhere before they were saved. */
  | { readonly kind: 'gone'; readonly key: SessionKey | null }
  /** A stored session cannot be read, and is treated as missing. */
  | { readonly kind: 'unreadable'; readonly key: SessionKey; readonly why: string }
  /**
   * The sweep needs attention. Published each time the app reads the status of the sweep. `about`: the name of the
   * warning.
   */
  | { readonly kind: 'warning'; readonly about: string; readonly message: string }

/** The reason why a security key was refused. */
export type KeyRefusal =
  | 'missing'
  | 'malformed'
  | 'no-session'
  | 'unknown'
  | 'expired'
  | 'other-session'
  | 'other-purpose'
  | 'used'
  /** The session has another static key, or none. */
  | 'static'

/** Number of unknown ids within {@link BURST_WITHIN} that is reported. */
const BURST = 100

/** In milliseconds. */
const BURST_WITHIN = 60_000

/** The most log lines of one `info` kind within a minute, since any client can cause them. */
const MAX_LINES = 60

/** How many keys of unreadable sessions are remembered, so that each is logged once. */
const MAX_REPORTED = 1000

const MESSAGES: Record<Trouble['kind'], string> = {
  'unknown-ids':
    'many cookies carried well-formed session ids that are not known: with the option cookie.secrets such guesses cost no lookup',
  'ended-id': 'a cookie carried the id of a session that has ended',
  'key-refused': 'a security key was refused',
  'origin-refused': 'a request was refused because no page of this app sent it',
  'caller-refused': 'a caller was refused',
  conflict: 'a write conflicted with another write to the same session, and is tried again',
  gone: 'a session ended elsewhere before it was saved; the changes of this request were dropped',
  unreadable: 'a stored session cannot be read and is ignored',
  warning: 'the sweep needs attention',
}

// Created once: each lookup of a channel would build the string of its name.
const CHANNELS = Object.fromEntries(
  Object.keys(MESSAGES).map((kind) => [kind, channel(`viur-session:${kind}`)]),
) as Record<Trouble['kind'], Channel>

/** All kinds of trouble. */
export const TROUBLES = Object.keys(CHANNELS) as readonly Trouble['kind'][]

/** Kinds that are logged as warnings. The others are part of normal operation, or any client can cause them. */
const WARNINGS: ReadonlySet<Trouble['kind']> = new Set(['unknown-ids', 'unreadable', 'warning'])

/** Reports troubles to the channels and to the log. */
export class Troubles {
  readonly #logger: SessionLogger
  readonly #now: Clock
  readonly #unreadable = new Set<SessionKey>()
  readonly #lines = new Map<Trouble['kind'], { since: number; count: number }>()
  #unknown = 0
  #since = Number.NEGATIVE_INFINITY

  constructor(logger: SessionLogger, now: Clock) {
    this.#logger = logger
    this.#now = now
  }

  report(trouble: Trouble): void {
    publishTrouble(trouble)
    const { kind } = trouble
    if (!WARNINGS.has(kind)) {
      if (this.#logger.info !== undefined && this.#hasRoom(kind)) {
        this.#logger.info(MESSAGES[kind], detailsOf(trouble))
      }
    } else if (trouble.kind !== 'unreadable' || this.#isFirst(trouble.key)) {
      this.#logger.warn(MESSAGES[kind], detailsOf(trouble))
    }
  }

  /** Counts a well-formed id that is not stored. A single one is normal, since sessions expire. */
  unknownId(): void {
    const now = this.#now()
    if (Math.abs(now - this.#since) >= BURST_WITHIN) {
      this.#since = now
      this.#unknown = 0
    }
    this.#unknown += 1
    if (this.#unknown === BURST) {
      this.report({ kind: 'unknown-ids', count: BURST, within: BURST_WITHIN })
    }
  }

  #hasRoom(kind: Trouble['kind']): boolean {
    const now = this.#now()
    const lines = this.#lines.get(kind)
    if (lines === undefined || Math.abs(now - lines.since) >= BURST_WITHIN) {
      this.#lines.set(kind, { since: now, count: 1 })
      return true
    }
    lines.count += 1
    return lines.count <= MAX_LINES
  }

  #isFirst(key: SessionKey): boolean {
    if (this.#unreadable.has(key)) return false
    if (this.#unreadable.size >= MAX_REPORTED) {
      for (const oldest of this.#unreadable) {
        this.#unreadable.delete(oldest)
        break
      }
    }
    this.#unreadable.add(key)
    return true
  }
}

function detailsOf({ kind: _, ...details }: Trouble): Readonly<Record<string, unknown>> {
  return details
}

/** Publishes a trouble on its channel, for callers that write the log themselves. */
export function publishTrouble(trouble: Trouble): void {
  CHANNELS[trouble.kind].publish(trouble)
}
