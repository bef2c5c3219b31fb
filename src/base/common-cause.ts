import { shared } from './shared-copies.ts'

/** One event that made several calls fail, such as the loss of the connection that carried them. */
export type Incident = object

/**
 * The incident of each error. All copies of this package share the map: a store may belong to another copy than its
 * callers.
 */
const incidents = shared('incidents', () => new WeakMap<object, Incident>())

/** Stores the incident that caused an error. */
export function markIncident(error: unknown, incident: Incident): void {
  if (typeof error === 'object' && error !== null) incidents.set(error, incident)
}

/** Returns the incident that caused the error or one of its causes; `null` if none is known. */
export function incidentOf(error: unknown): Incident | null {
  let at: unknown = error
  for (let depth = 0; depth < 4 && typeof at === 'object' && at !== null; depth++) {
    const incident = incidents.get(at)
    if (incident !== undefined) return incident
    at = (at as { cause?: unknown }).cause
  }
  return null
}
