import type { CookieFacts } from '../../sessions-door.ts'
import { type Check, failure, ok, warning } from './check.ts'

/** Whether what the deployment has written down fits what this app says of itself. */
export function eventsCheck(isOn: boolean, ofTheApp: boolean, isMade: boolean): Check {
  const name = 'events'
  if (isOn === ofTheApp) {
    return ok(name, isOn ? 'on: ends are told to observers' : 'off: ends delete at once')
  }
  if (ofTheApp) {
    return ok(name, 'this app has events: true; its first write or end turns them on')
  }
  const off = 'npx viur-session events off'
  return isMade
    ? warning(
        name,
        'on for the deployment: what is ended without a module of the app is told by the next sweep',
        '--sessions with the module of the app',
      )
    : failure(
        name,
        'on for the deployment, and this app has not the option: it marks ends, and sweeps nothing',
        `events: true in every process; or, where there are no observers any more, ${off}`,
      )
}

/** The cookie against where the app runs. `isDeployed`: its store is on Google Cloud, or NODE_ENV is production. */
export function cookieCheck(cookie: CookieFacts, isDeployed: boolean): Check {
  const name = 'cookie'
  const { secure, httpOnly, sameSite, signed } = cookie
  if (!secure && isDeployed) {
    return failure(
      name,
      `${cookie.name} is not Secure: it travels in clear text, and anybody on the way takes the session over`,
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

/** What somebody without credentials gets. */
export interface OpenCalls {
  /** The status of the routes for clean-up; `null`: no answer. */
  readonly routes: number | null
  /** The status of the app's first page. */
  readonly page: number | null
}

/** `isPrivate`: the app uses `privateService()`, so that IAM has to refuse everybody without a token. */
export function openCallsCheck({ routes, page }: OpenCalls, isPrivate: boolean): Check {
  const name = 'callers'
  if (routes === null) return failure(name, 'the app does not answer at --url')
  if (isPrivate && page !== null && page !== 401 && page !== 403) {
    return failure(
      name,
      `a caller without a token gets ${page}: IAM does not guard the service, and anybody can write what privateService() believes`,
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

/** Calls the app as anybody could. */
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
