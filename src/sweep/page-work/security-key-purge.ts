import { expiryOf, overLanes, type PageContext, type PageWork, readPage } from './page-work.ts'

/** Deletes security keys that have expired, of which nobody has to hear. */
export function securityKeyPurge<Data extends object>(context: PageContext<Data>): PageWork {
  const { settings, state, limit } = context
  const { keys } = settings.store
  return overLanes(state.keyLanes, limit, async (lane) => {
    const { names, cursor } = await readPage(lane, limit, (options) =>
      keys.page(expiryOf(state.query, lane), options),
    )
    if (names.length > 0) await keys.remove(names)
    state.totals.securityKeys += names.length
    return { size: names.length, cursor }
  })
}
