import { channel } from 'node:diagnostics_channel'
import type { Clock } from '../base/clock.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { SessionKey } from './id.ts'

/**
 * What went wrong with somebody's session, or was tried with it. Published as it happens on the channel of
 * `node:diagnostics_channel` named `viur-session:` and the kind. Holds no id, no security key and no data: `key` is the
 * hash that names the stored session.
 */
export type Trouble =
  /** Many well-formed ids that nobody was given, in this process: somebody guesses, or replays dead cookies. */
  | { readonly kind: 'unknown-ids'; readonly count: number; readonly within: number }
  /** A cookie whose session has been ended. */
  | { readonly kind: 'ended-id'; readonly key: SessionKey }
  /** A security key that does not count. */
  | { readonly kind: 'key-refused'; readonly key: SessionKey | null; readonly why: KeyRefusal }
  /** A request that changes something and was not sent by a page of this app. */
  | { readonly kind: 'origin-refused'; readonly why: string }
  /** Somebody who may not call a cron or task route. */
  | {
      readonly kind: 'caller-refused'
      readonly caller: string
      readonly purpose: string
      readonly why: string
    }
  /** A write that met somebody else's; it is tried again on what is there then. */
  | { readonly kind: 'conflict'; readonly key: SessionKey }
  /** Changes that were dropped, since the session ended elsewhere before they were saved. */
  | { readonly kind: 'gone'; readonly key: SessionKey | null }
  /** A stored session that cannot be read, and counts as none. */
  | { readonly kind: 'unreadable'; readonly key: SessionKey; readonly why: string }
  /** What somebody should look at about the sweep, each time that somebody reads how it is doing. `about`: its name. */
  | { readonly kind: 'warning'; readonly about: string; readonly message: string }

/** Why a security key does not count. */
export type KeyRefusal =
  | 'missing'
  | 'malformed'
  | 'no-session'
  | 'unknown'
  | 'expired'
  | 'other-session'
  | 'other-purpose'
  | 'used'
  /** The static key of the session is another one, or it has none. */
  | 'static'

/** How many unknown ids within {@link BURST_WITHIN} make a burst. */
const BURST = 100

/** Milliseconds. */
const BURST_WITHIN = 60_000

/** How many lines the log gets of one kind of daily business within a minute: anybody can cause them. */
const MAX_LINES = 60

/** How many keys of unreadable sessions are remembered, so that the log tells of each once. */
const MAX_REPORTED = 1000

const MESSAGES: Record<Trouble['kind'], string> = {
  'unknown-ids':
    'many cookies carried well-formed session ids that are not known: with the option cookie.secrets such guesses cost no lookup',
  'ended-id': 'a cookie carried the id of a session that has ended',
  'key-refused': 'a security key was refused',
  'origin-refused': 'a request was refused that no page of this app sent',
  'caller-refused': 'a caller was refused',
  conflict: 'a write met another one to the same session, and is tried again on what is there now',
  gone: 'a session ended elsewhere before it was saved; the changes of this request were dropped',
  unreadable: 'a stored session cannot be read and is ignored',
  warning: 'somebody should look at the sweep',
}

/** Kinds that somebody should look at. The others go with the daily business, and with what anybody can send. */
const WARNINGS: ReadonlySet<Trouble['kind']> = new Set(['unknown-ids', 'unreadable', 'warning'])

/** Tells the channels and the log of trouble. */
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
    const { kind, ...details } = trouble
    if (!WARNINGS.has(kind)) {
      if (this.#hasRoom(kind)) this.#logger.info?.(MESSAGES[kind], details)
    } else if (trouble.kind !== 'unreadable' || this.#isFirst(trouble.key)) {
      this.#logger.warn(MESSAGES[kind], details)
    }
  }

  /** Counts a well-formed id that is not stored; one alone is daily business, since sessions expire. */
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

/** For whoever is in charge of the log itself. */
export function publishTrouble(trouble: Trouble): void {
  const subject = channel(`viur-session:${trouble.kind}`)
  if (subject.hasSubscribers) subject.publish(trouble)
}
