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
 * The one door to the sessions of an app for the adapters of this package; to one session it is `doorOf()`. Copies of one
 * major use it of each other, so that within a major it only grows.
 */
export interface SessionsDoor<Data extends object = DefaultData> {
  /** The name of the store. None where sessions have no store, or where a copy of an earlier release made them. */
  readonly storeName?: string
  /**
   * Like `commit()`, but answers at once where nothing has to be stored. `last`: called when all that the request has
   * begun is done, right before its session cannot be changed any more.
   */
  commit(
    session: Session<Data>,
    response: SessionResponse,
    last?: () => void,
  ): CommitResult | Promise<CommitResult>
  /** Like `startClearSessions()`, for a caller that has only so much time (milliseconds) and no real queue. */
  startClearWithin(budget: number): Promise<ClearRun>
  /** Like `handleTask()`. `budget`: how long one step works before it hands on, in milliseconds. */
  handleTask(body: unknown, budget: number): Promise<StepResult>
  /**
   * Stores a session again where it would be stored in another way now: in clear, sealed, or with another key. Gives
   * whether it was written, and `null` for one that is not alive, or damaged. Throws as `entry()` does.
   */
  rewrite(key: SessionKey): Promise<boolean | null>
  /** What operators look at. None where a copy of an earlier release made the sessions. */
  readonly inside?: SessionsInside
}

/** What sessions are made of, for operators. */
export interface SessionsInside {
  /** Where they are kept, as they are stored: sealed where they are sealed. */
  readonly store: SessionStore
  readonly tasks: TaskQueue
  /** Whether this process has the option `events`. */
  readonly events: boolean
  readonly cookie: CookieFacts
}

/** What the cookie is like over HTTPS, as far as an operator should know. */
export interface CookieFacts {
  readonly name: string
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: string | null
  /** Whether it is signed, so that a guess costs no lookup. */
  readonly signed: boolean
}

const doors = shared('doors of createSessions()', () => new WeakMap<object, SessionsDoor>())

/** Lets adapters reach these sessions. */
export function openSessionsDoor<Data extends object>(
  sessions: object,
  door: SessionsDoor<Data>,
): void {
  noteAs('sessions', sessions)
  doors.set(sessions, door as unknown as SessionsDoor)
}

/** The door of what `createSessions()` gives, in whichever copy of this package; `null` for anything else. */
export function sessionsDoorOf<Data extends object>(
  sessions: Sessions<Data>,
): SessionsDoor<Data> | null
export function sessionsDoorOf(sessions: unknown): SessionsDoor | null
export function sessionsDoorOf(sessions: unknown): SessionsDoor | null {
  return typeof sessions === 'object' && sessions !== null ? (doors.get(sessions) ?? null) : null
}
