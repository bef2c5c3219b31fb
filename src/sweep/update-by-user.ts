import { SessionConfigError } from '../base/errors.ts'
import { sideBySide } from '../base/parallel.ts'
import type { DataChange } from '../record/root-data.ts'
import { checkUser, type UserOptions } from '../record/user-check.ts'
import type { SessionEntries } from './entry.ts'
import type { LookUp } from './look-up.ts'

/** How many sessions are changed at the same time. */
const SIDE_BY_SIDE = 10

/** Changes the data of all sessions of a user. A function can not be handed on to a task, so it runs to its end in the call. */
export async function updateByUser<Data extends object>(
  lookUp: LookUp,
  entries: SessionEntries<Data>,
  user: string,
  change: DataChange<Data>,
  options: UserOptions,
): Promise<{ changed: number }> {
  checkUser(user, 'updateSessionsByUser', options)
  if (typeof change !== 'function') {
    throw new SessionConfigError('updateSessionsByUser() takes a function that changes the data')
  }
  let changed = 0
  for await (const page of lookUp.pagesOfUser(user)) {
    const results = await sideBySide(page, SIDE_BY_SIDE, ({ record }) =>
      entries.update(record.key, change),
    )
    changed += results.filter((differed) => differed === true).length
  }
  return { changed }
}
