import type { SweepSettings } from './settings.ts'
import type { StatusWarning } from './warnings.ts'

const NOTE = 'warned'

const HOUR = 60 * 60 * 1000

const DAY = 24 * HOUR

/**
 * Logs the warnings of the status once a day for all processes of a deployment together: the process that writes the
 * note logs them. Returns the milliseconds until the next check is due.
 */
export async function warnDaily(
  { store, now, logger }: Pick<SweepSettings, 'store' | 'now' | 'logger'>,
  warnings: () => Promise<readonly StatusWarning[]>,
): Promise<number> {
  const time = now()
  const note = await store.notes.get(NOTE)
  const at = (note?.value as { at?: unknown } | null | undefined)?.at
  const age = typeof at === 'number' ? time - at : DAY
  // A note by a clock that was far ahead must not silence the log for long.
  if (age > -HOUR && age < DAY) return DAY - age
  const { outcome } = await store.notes.put(NOTE, { v: 1, at: time }, note?.version ?? null)
  if (outcome !== 'applied') return DAY
  for (const { about, message } of await warnings()) logger.warn(message, { about })
  return DAY
}
