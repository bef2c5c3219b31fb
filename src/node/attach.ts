import { doorOf } from '../request/adapter-door.ts'
import type { CommitResult } from '../request/commit.ts'
import { firstSlot, type Slot } from '../request/mounted.ts'
import type { Session } from '../request/session.ts'
import type { MountSettings } from './mount-settings.ts'
import { runBeforeCommit } from './request/before-commit.ts'
import { handingOver } from './request/id-transport.ts'
import { commitFrom, handOverFrom, lastOf } from './request/mounted-sessions.ts'
import type { AnyRequest } from './request/session-request.ts'
import { outlivesResponse } from './request/long-lived.ts'
import { anyResponse, isResponseTo } from './response/any-response.ts'
import { guardResponse } from './response/held-response.ts'

/** Makes the slot of a session on a request. `fail`: continues the request with an error. */
export function slotFor(
  req: AnyRequest,
  session: Session,
  { sessions, commit: commitNow, name, manual, ids }: MountSettings,
  fail: (error: unknown) => void,
): Slot {
  const last = (): void => {
    runBeforeCommit(session)
    if (manual) dropUnsaved(session)
  }
  const commit = (status: number) => commitNow(session, { status }, last)
  const slot: Slot = {
    owner: sessions,
    name,
    session,
    shown: session,
    commit: outlivesResponse(req) ? (status) => detachAfter(session, commit(status)) : commit,
    fail,
    hasResponse: true,
    guarded: false,
    next: null,
  }
  return ids === null ? slot : handingOver(slot, ids)
}

/**
 * Reverts changes that were not saved. It does not revert a new id or the end of a session, since the app asked for
 * those explicitly. It does not revert data whose save failed either: the commit stores it again, so that the request
 * gets the error.
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

/** A value that cannot be stored counts as a change. */
function hasChanges(session: Session): boolean {
  try {
    return session.changed
  } catch {
    return true
  }
}

/**
 * Watches over the response of a request. All sessions of a request share one guard, which the first session that has
 * the response installs.
 */
export function watch(slot: Slot, req: AnyRequest, res: object): void {
  if (!isResponseTo(req, res) || (res.headersSent && outlivesResponse(req))) {
    slot.hasResponse = false
    doorOf(slot.session)?.detach()
    return
  }
  if (res.headersSent) {
    // This response cannot carry the session any more. The commit makes later changes throw instead of being lost
    // silently.
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
    // The last session's handler is the nearest: a router with its own session may have its own error handlers.
    fail: (error) => lastOf(first).fail(error),
  })
}

/** Detaches the session of a request that outlives its response, once the response is committed. */
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
    // Without a well-formed cookie the load is complete already.
    next()
    return
  }
  loading.then(
    () => next(),
    // A page that does not use the session needs no store, so an outage must not break it. The session keeps the error
    // and throws it when the page uses the session.
    () => next(),
  )
}
