/** For how long keys are used, in milliseconds: one that is withdrawn counts no longer than that. */
const KEPT_FOR = 10 * 60_000

/** How often a token of a key that is not among them makes us ask again, in milliseconds. */
const ASKED_AGAIN_AFTER = 60_000

/**
 * The keys that the proxy signs with, for a token that names one of them. The library asks for them at every call, and
 * strangers bring tokens too: here they are asked for once, and again when they are old or lack that name.
 */
export function keptKeys(
  ask: () => Promise<object>,
  now: () => number = () => performance.now(),
): (name: unknown) => Promise<object> {
  let kept: { readonly keys: object; readonly at: number } | null = null
  let asking: Promise<object> | null = null
  return async (name) => {
    if (kept !== null) {
      const isThere = typeof name === 'string' && Object.hasOwn(kept.keys, name)
      if (now() - kept.at < (isThere ? KEPT_FOR : ASKED_AGAIN_AFTER)) return kept.keys
    }
    asking ??= ask()
      .then((keys) => {
        kept = { keys, at: now() }
        return keys
      })
      .finally(() => {
        asking = null
      })
    return await asking
  }
}
