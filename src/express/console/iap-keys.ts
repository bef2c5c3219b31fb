/** How long keys are used, in milliseconds. A withdrawn key is accepted no longer than that. */
const KEPT_FOR = 10 * 60_000

/** Minimum time before a token with an unknown key causes another request for the keys, in milliseconds. */
const ASKED_AGAIN_AFTER = 60_000

/**
 * Returns the keys of the proxy, for a token that names one of them. The library would request the keys at every call,
 * and any client can send a token. Here they are requested once, and again when they are old or do not contain that
 * name.
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
