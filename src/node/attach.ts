import { doorOf } from '../request/adapter-door.ts'
import type { CommitResult } from '../request/commit.ts'
import { firstSlot, type Slot } from '../request/mounted.ts'
import type { Session } from '../request/session.ts'
import type { SessionsDoor } from '../sessions-door.ts'
import { runBeforeCommit } from './request/before-commit.ts'
import { commitFrom, handOverFrom, lastOf } from './request/mounted-sessions.ts'
import type { AnyRequest } from './request/session-request.ts'
import { outlivesResponse } from './request/long-lived.ts'
import { anyResponse, isResponseTo } from './response/any-response.ts'
import { guardResponse } from './response/held-response.ts'

/** The place of a session on a request. */
export function slotFor(
  owner: unknown,
  commitNow: SessionsDoor['commit'],
  session: Session,
  {
    req,
    name,
    manual,
    fail,
  }: {
    readonly req: AnyRequest
    readonly name: string
    readonly manual: boolean
    readonly fail: (error: unknown) => void
  },
): Slot {
  const last = (): void => {
    runBeforeCommit(session)
    if (manual) dropUnsaved(session)
  }
  const commit = (status: number) => commitNow(session, { status }, last)
  return {
    owner,
    name,
    session,
    shown: session,
    commit: outlivesResponse(req) ? (status) => detachAfter(session, commit(status)) : commit,
    fail,
    hasResponse: true,
    guarded: false,
    next: null,
  }
}

/**
 * Takes back what was changed and not saved. What asked for another id, or for the end, asked for its commit as well; and
 * what a save has failed to store, the commit tries again, so that the request hears of it.
 */
function dropUnsaved(session: Session): void {
  const door = doorOf(session)
  if (door === null || door.wantedIdentity !== undefined || door.saveFailed === true) return
  if (!session.loaded || !hasChanges(session)) return
  door.settings.warnOnce(
    'save',
    "a request changed its session and did not save it, so that the changes were dropped: with save: 'manual', await req.session.save()",
  )
  session.revert()
}

/** What cannot be kept is a change as well. */
function hasChanges(session: Session): boolean {
  try {
    return session.changed
  } catch {
    return true
  }
}

/** One guard for all sessions of a request: it stands where the first was mounted that saw the response. */
export function watch(slot: Slot, req: AnyRequest, res: object): void {
  if (!isResponseTo(req, res) || (res.headersSent && outlivesResponse(req))) {
    slot.hasResponse = false
    doorOf(slot.session)?.detach()
    return
  }
  if (res.headersSent) {
    // Too late for this response. The commit makes changes throw, where they would be lost without a word.
    if (slot.hasResponse) void slot.commit(res.statusCode)
    return
  }
  if (!slot.hasResponse) {
    slot.hasResponse = true
    doorOf(slot.session)?.attach()
  }
  const first = firstSlot(req) ?? slot
  if (first.guarded) return
  first.guarded = true
  guardResponse(anyResponse(res), {
    commit: (status) => commitFrom(first, status),
    settled: () => handOverFrom(first, res),
    // To the handlers of errors that are nearest: a router with a session of its own may have some.
    fail: (error) => lastOf(first).fail(error),
  })
}

/** The session of a request that outlives its response goes on without one, once that is committed. */
function detachAfter(
  session: Session,
  committed: CommitResult | Promise<CommitResult>,
): CommitResult | Promise<CommitResult> {
  const detached = (result: CommitResult): CommitResult => {
    doorOf(session)?.detach()
    return result
  }
  return committed instanceof Promise ? committed.then(detached) : detached(committed)
}

/** Loads a session before the handlers run. */
export function loadFirst(session: Session, next: (error?: unknown) => void): void {
  const loading: Promise<unknown> = doorOf(session)?.load?.() ?? session.load()
  if (session.loaded) {
    // Without a well-formed cookie there is nothing to wait for.
    next()
    return
  }
  loading.then(
    () => next(),
    // A page that does not use the session needs no store, so an outage must not take it down. The session keeps the
    // error for whoever uses it.
    () => next(),
  )
}
