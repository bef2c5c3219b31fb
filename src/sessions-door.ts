import { noteAs, shared } from './base/shared-copies.ts'
import type { DefaultData } from './base/types.ts'
import type { SessionKey } from './record/id.ts'
import type { CommitResult, SessionResponse } from './request/commit.ts'
import type { Session } from './request/session.ts'
import type { Sessions } from './sessions-interface.ts'
import type { SessionStore } from './store/store.ts'
import type { StepResult } from './sweep/engine.ts'
import type { ClearRun } from './sweep/start.ts'
import type { TaskQueue } from './sweep/task-queue.ts'

/**
 * Internal access to the sessions of an app for the adapters of this package; `doorOf()` gives access to one session.
 * Copies of this package of one major version use the members of each other, so within a major version the interface
 * may only grow.
 */
export interface SessionsDoor<Data extends object = DefaultData> {
  /** The name of the store. Absent where sessions have no store, or where a copy of an earlier release made them. */
  readonly storeName?: string
  /**
   * Like `commit()`, but returns the result synchronously where nothing has to be stored. `last` is called when
   * everything that the request has begun is done, right before its session becomes read-only.
   */
  commit(
    session: Session<Data>,
    response: SessionResponse,
    last?: () => void,
  ): CommitResult | Promise<CommitResult>
  /** Like `startClearSessions()`, for a caller with limited time (milliseconds) and without a real queue. */
  startClearWithin(budget: number): Promise<ClearRun>
  /** Like `handleTask()`. `budget`: how long one step works until it adds the next task, in milliseconds. */
  handleTask(body: unknown, budget: number): Promise<StepResult>
  /**
   * Stores a session again where its stored form would differ now: unencrypted, encrypted, or with another key. Returns
   * whether it was written, and `null` for a session that is not alive, or is damaged. Throws as `entry()` does.
   */
  rewrite(key: SessionKey): Promise<boolean | null>
  /** The parts for operators. Absent where a copy of an earlier release made the sessions. */
  readonly inside?: SessionsInside
}

/** The parts of sessions that operators use. */
export interface SessionsInside {
  /** The store with the records as they are stored: encrypted records stay encrypted. */
  readonly store: SessionStore
  readonly tasks: TaskQueue
  /** Whether this process has the option `events`. */
  readonly events: boolean
  readonly cookie: CookieFacts
}

/** The attributes of the cookie over HTTPS that operators should know. */
export interface CookieFacts {
  readonly name: string
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: string | null
  /** Whether the cookie is signed, so that a guessed value costs no lookup. */
  readonly signed: boolean
}

const doors = shared('doors of createSessions()', () => new WeakMap<object, SessionsDoor>())

/** Gives adapters access to these sessions. */
export function openSessionsDoor<Data extends object>(
  sessions: object,
  door: SessionsDoor<Data>,
): void {
  noteAs('sessions', sessions)
  doors.set(sessions, door as unknown as SessionsDoor)
}

/** Returns the door of the result of `createSessions()`, of any copy of this package; `null` for anything else. */
export function sessionsDoorOf<Data extends object>(
  sessions: Sessions<Data>,
): SessionsDoor<Data> | null
export function sessionsDoorOf(sessions: unknown): SessionsDoor | null
export function sessionsDoorOf(sessions: unknown): SessionsDoor | null {
  return typeof sessions === 'object' && sessions !== null ? (doors.get(sessions) ?? null) : null
}
