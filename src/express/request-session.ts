import { Session, stateOf } from '../session.ts'
import { publishTrouble, type Trouble } from '../trouble.ts'

/** Objects that stand in for a session, as `req.session`. */
const faces = new WeakMap<object, Session>()

/** Notes that this object stands in for the session. */
export function registerFace(face: object, session: Session): void {
  faces.set(face, session)
}

/** Whether another object than the session itself is there in its place. */
export function hasFace(req: object): boolean {
  const { session } = req as { readonly session?: unknown }
  return isObject(session) && faces.has(session)
}

/** The session that `sessionMiddleware()` gave the request; `null` where there is none, or somebody else's. */
export function sessionOf(req: object): Session | null {
  const { session } = req as { readonly session?: unknown }
  if (!isObject(session)) return null
  return faces.get(session) ?? (session instanceof Session ? session : null)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Tells of trouble with a request: the log of its sessions as well, where it has a session. */
export function reportTrouble(req: object, trouble: Trouble): void {
  const session = sessionOf(req)
  if (session === null) publishTrouble(trouble)
  else stateOf(session).settings.troubles.report(trouble)
}
