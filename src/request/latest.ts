import { unreadableSession } from '../base/store-errors.ts'
import type { SessionKey } from '../record/id.ts'
import { isFoundAlive, type Loaded } from '../write/source.ts'
import type { Writer } from '../write/writer.ts'
import type { RequestState } from './state.ts'

/**
 * What a write goes on from. A session that outlives its request may have been renewed by others since it was read, or have
 * expired: where its time seems to be over the store is asked, and gives no time on top.
 */
export async function baseOf(
  state: RequestState,
  stored: Loaded,
  writer: Writer,
): Promise<Loaded | 'gone'> {
  const { policy, now } = state.settings
  const isUsable = (found: Loaded): boolean => isFoundAlive(found, policy, now())
  if (!state.response.isDetached || isUsable(stored)) return stored
  const found = await readAgain(stored, stored.record.key, writer)
  return found !== 'gone' && isUsable(found) ? found : 'gone'
}

/** What is there now of a session that the request has, or had; `'gone'` where it is no longer stored. */
export async function readAgain(
  stored: Loaded | null,
  key: SessionKey,
  writer: Writer,
): Promise<Loaded | 'gone'> {
  const found = stored === null ? await writer.find(key) : await writer.again(stored)
  if (found === null) return 'gone'
  if (found.record !== null) return found
  throw unreadableSession(found.why)
}
