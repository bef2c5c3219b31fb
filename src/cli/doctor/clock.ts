import type { Environment } from '../../google/platform.ts'
import { type Check, failure, ok, warning } from './check.ts'
import { endpointOf } from './google-api.ts'

/**
 * A smaller difference of clocks counts as none, in milliseconds: the header has whole seconds, and its transfer takes
 * time.
 */
const NEAR = 10_000

/** From this difference on, sessions end too early or too late, and tokens are refused, in milliseconds. */
const FAR = 60_000

/** Checks by how much this machine's clock is ahead of the server's, in milliseconds; `null`: no server answered. */
export function clockCheck(ahead: number | null): Check {
  const name = 'clock'
  if (ahead === null) return warning(name, 'the time of the server is unknown')
  const seconds = Math.round(Math.abs(ahead) / 1000)
  const says = `this machine is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the server`
  if (Math.abs(ahead) < NEAR) return ok(name, 'the same as the server')
  return (Math.abs(ahead) < FAR ? warning : failure)(
    name,
    says,
    'timedatectl set-ntp true, or the time service of this machine',
  )
}

/** Asks Datastore's front end for the time, which needs no credentials. `now`: this machine's clock. */
export async function measureClock(
  environment: Environment,
  now: () => number,
): Promise<number | null> {
  try {
    const before = now()
    const signal = AbortSignal.timeout(10_000)
    const url = `${endpointOf('datastore', environment)}/`
    const { headers } = await fetch(url, { method: 'HEAD', redirect: 'manual', signal })
    const after = now()
    const theirs = Date.parse(headers.get('date') ?? '')
    // The header has no fractions of a second, so half a second is added, the average error.
    return Number.isNaN(theirs) ? null : (before + after) / 2 - (theirs + 500)
  } catch {
    return null
  }
}
