import type { Problems } from '../../end/problems.ts'
import { standIn } from '../../record/damaged.ts'
import type { Found, Unreadable } from '../../record/record.ts'

/** What a sweep ends in the place of a record that cannot be read; the log hears of it. */
export function standInFor(
  { key, version, why }: Unreadable,
  time: number,
  problems: Problems,
): Found {
  problems.note({
    message:
      'stored sessions that can not be read have expired; their events tell no more than their keys',
    of: 'sweep',
    example: { key, why },
  })
  return { record: standIn(key, time), version }
}
