import type { CookieFacts } from '../../sessions-door.ts'
import { type Check, failure, ok, warning } from './check.ts'

/** Compares the events setting of the deployment with that of this app. */
export function eventsCheck(isOn: boolean, ofTheApp: boolean, isMade: boolean): Check {
  const name = 'events'
  if (isOn === ofTheApp) {
    return ok(
      name,
      isOn ? 'on: observers are called for ends' : 'off: ended sessions are deleted at once',
    )
  }
  if (ofTheApp) {
    return ok(name, 'this app has events: true; its first write or end turns them on')
  }
  const off = 'npx viur-session events off'
  return isMade
    ? warning(
        name,
        'on for the deployment: without a module of the app, observers learn of an end only at the next sweep',
        '--sessions with the module of the app',
      )
    : failure(
        name,
        'on for the deployment, but this app lacks the option: it marks ends, and sweeps nothing',
        `events: true in every process; or, when no observers are left, ${off}`,
      )
}

/**
 * Checks the cookie for the place where the app runs. `isDeployed`: its store is on Google Cloud, or NODE_ENV is
 * production.
 */
export function cookieCheck(cookie: CookieFacts, isDeployed: boolean): Check {
  const name = 'cookie'
  const { secure, httpOnly, sameSite, signed } = cookie
  if (!secure && isDeployed) {
    return failure(
      name,
      `${cookie.name} is not Secure: it is sent in clear text, so anyone on the network can take over the session`,
      "remove secure: false from the option cookie of createSessions(); 'auto' is plain on a desk alone",
    )
  }
  if (!httpOnly) {
    return warning(
      name,
      `${cookie.name} is not HttpOnly: every script of the page can read it`,
      'remove httpOnly: false from the option cookie of createSessions()',
    )
  }
  const flags = ['HttpOnly', ...(secure ? ['Secure'] : []), `SameSite=${sameSite ?? 'absent'}`]
  const guess = signed ? 'signed' : 'not signed: each guess costs a lookup'
  return ok(name, `${cookie.name}, ${flags.join(', ')}; ${guess}`)
}

/** The results of calls without credentials. */
export interface OpenCalls {
  /** The status of the clean-up routes; `null`: no answer. */
  readonly routes: number | null
  /** The status of the app's first page. */
  readonly page: number | null
}

/** `isPrivate`: the app uses `privateService()`, so IAM must refuse every caller without a token. */
export function openCallsCheck({ routes, page }: OpenCalls, isPrivate: boolean): Check {
  const name = 'callers'
  if (routes === null) return failure(name, 'the app does not answer at --url')
  if (isPrivate && page !== null && page !== 401 && page !== 403) {
    return failure(
      name,
      `a caller without a token gets ${page}: IAM does not guard the service, so anyone can forge the tokens that privateService() accepts`,
      'gcloud run services remove-iam-policy-binding SERVICE --region=REGION --member=allUsers --role=roles/run.invoker',
    )
  }
  if (routes < 400) {
    return failure(
      name,
      `a caller without a token gets ${routes} from the routes for clean-up`,
      'give cleanupRoutes() a caller: appEngine(), oidc() or privateService()',
    )
  }
  if (routes === 404) {
    return warning(name, 'the routes for clean-up are not there (404)', '--routes with their path')
  }
  return ok(name, `a caller without a token is refused (${routes})`)
}

/** Calls the app without credentials. */
export async function callOpenly(url: string, routes: string): Promise<OpenCalls> {
  const base = url.replace(/\/+$/, '')
  const statusOf = async (path: string): Promise<number | null> => {
    try {
      const signal = AbortSignal.timeout(15_000)
      return (await fetch(`${base}${path}`, { redirect: 'manual', signal })).status
    } catch {
      return null
    }
  }
  const [page, ofRoutes] = await Promise.all([statusOf('/'), statusOf(`${routes}/status`)])
  return { page, routes: ofRoutes }
}
