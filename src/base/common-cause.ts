import { shared } from './shared-copies.ts'

/** One event that several calls failed of, such as the loss of the connection that they were under way on. */
export type Incident = object

/** By error. The store may be of another copy of this package than those who call it. */
const incidents = shared('incidents', () => new WeakMap<object, Incident>())

/** Notes what an error is a consequence of. */
export function markIncident(error: unknown, incident: Incident): void {
  if (typeof error === 'object' && error !== null) incidents.set(error, incident)
}

/** What the error, or one that it was caused by, is a consequence of; `null` where nobody knows. */
export function incidentOf(error: unknown): Incident | null {
  let at: unknown = error
  for (let depth = 0; depth < 4 && typeof at === 'object' && at !== null; depth++) {
    const incident = incidents.get(at)
    if (incident !== undefined) return incident
    at = (at as { cause?: unknown }).cause
  }
  return null
}
