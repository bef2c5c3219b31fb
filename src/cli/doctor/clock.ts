import { type Check, failure, ok, warning } from './check.ts'
import { endpointOf } from './google-api.ts'

/** Clocks that differ by less are the same, in milliseconds: the header has whole seconds, and takes its time. */
const NEAR = 10_000

/** From here on sessions end too early or too late, and tokens are refused. */
const FAR = 60_000

/** By how much this machine's clock is ahead of the server's, in milliseconds; `null`: nobody could be asked. */
export function clockCheck(ahead: number | null): Check {
  const name = 'clock'
  if (ahead === null) return warning(name, 'the time of the server could not be asked')
  const seconds = Math.round(Math.abs(ahead) / 1000)
  const says = `this machine is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the server`
  if (Math.abs(ahead) < NEAR) return ok(name, 'as the server has it')
  return (Math.abs(ahead) < FAR ? warning : failure)(
    name,
    says,
    'timedatectl set-ntp true, or what sets the clock of this machine by the network',
  )
}

/** Asks Datastore's front end, which says its time to anybody. `now`: this machine's clock. */
export async function measureClock(
  environment: Readonly<Record<string, string | undefined>>,
  now: () => number,
): Promise<number | null> {
  try {
    const before = now()
    const signal = AbortSignal.timeout(10_000)
    const url = `${endpointOf('datastore', environment)}/`
    const { headers } = await fetch(url, { method: 'HEAD', redirect: 'manual', signal })
    const after = now()
    const theirs = Date.parse(headers.get('date') ?? '')
    // The header has no parts of a second: it was half a second later, on the whole.
    return Number.isNaN(theirs) ? null : (before + after) / 2 - (theirs + 500)
  } catch {
    return null
  }
}
