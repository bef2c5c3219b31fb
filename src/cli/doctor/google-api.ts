import { loadFailure } from '../../base/optional-import.ts'
import type { Environment } from '../../google/platform.ts'

/** The APIs that are called, by their names in gcloud. */
export type Service = 'cloudscheduler' | 'cloudtasks' | 'firestore' | 'datastore'

/** The answer of a Google API. */
export type ApiAnswer =
  | { readonly is: 'found'; readonly body: Readonly<Record<string, unknown>> }
  | { readonly is: 'missing' }
  /** The API is turned off in the project. */
  | { readonly is: 'off'; readonly service: Service }
  /** There is no answer: no credentials, no permission, or no connection. */
  | { readonly is: 'unknown'; readonly why: string; readonly cure?: string }

/** Calls Google APIs. Never throws. */
export type AskGoogle = (service: Service, path: string) => Promise<ApiAnswer>

/** How long an answer may take, in milliseconds. */
const PATIENCE = 15_000

/**
 * Returns the address of an API, from the same variables as gcloud, so that a proxy or another endpoint is used here
 * too.
 */
export function endpointOf(service: Service, environment: Environment): string {
  const given = environment[`CLOUDSDK_API_ENDPOINT_OVERRIDES_${service.toUpperCase()}`]
  if (given) return given.replace(/\/+$/, '')
  const universe = environment['GOOGLE_CLOUD_UNIVERSE_DOMAIN'] || 'googleapis.com'
  return `https://${service}.${universe}`
}

interface Library {
  readonly GoogleAuth: new (
    options: object,
  ) => {
    useJWTAccessWithScope?: boolean
    getClient(): Promise<{
      getRequestHeaders(url: string): Promise<Headers | Record<string, string>>
    }>
  }
}

/** Makes calls with the credentials that the app would have here. Loads google-auth-library at the first call. */
export function askGoogle(environment: Environment): AskGoogle {
  let client: ReturnType<typeof clientOf> | null = null
  return async (service, path) => {
    const url = `${endpointOf(service, environment)}/${path}`
    let headers: Headers
    try {
      client ??= clientOf()
      headers = new Headers((await (await client).getRequestHeaders(url)) as Headers)
    } catch (error) {
      client = null
      return { is: 'unknown', ...whyNoToken(error) }
    }
    try {
      const signal = AbortSignal.timeout(PATIENCE)
      const response = await fetch(url, { headers, signal, redirect: 'error' })
      return await answerOf(service, response)
    } catch (error) {
      return { is: 'unknown', why: whyNoAnswer(service, url, error) }
    }
  }
}

/** Removes the address from fetch's error, since a variable with the address may contain a password. */
function whyNoAnswer(service: Service, url: string, error: unknown): string {
  if (!URL.canParse(url)) {
    return `CLOUDSDK_API_ENDPOINT_OVERRIDES_${service.toUpperCase()} is no address`
  }
  const { cause, message } = error as Error & { cause?: { message?: string } }
  const said = (cause?.message ?? message).replaceAll(url, 'its address')
  return `${new URL(url).host} does not answer (${said})`
}

async function clientOf() {
  let library: Library
  try {
    library = (await import('google-auth-library')) as unknown as Library
  } catch (cause) {
    throw new Error(loadFailure('google-auth-library', 'doctor', cause))
  }
  const auth = new library.GoogleAuth({
    scopes: ['https://www.googleapis.com/auth/cloud-platform'],
  })
  // A key file signs its tokens itself.
  auth.useJWTAccessWithScope = true
  return await auth.getClient()
}

function whyNoToken(error: unknown): { why: string; cure: string } {
  const { message } = error as Error
  const install = /npm install [\w@/-]+/.exec(message)?.[0]
  return install === undefined
    ? { why: 'there are no credentials for it', cure: 'gcloud auth application-default login' }
    : { why: 'google-auth-library is missing', cure: install }
}

async function answerOf(service: Service, response: Response): Promise<ApiAnswer> {
  const text = await response.text()
  let body: Record<string, unknown> = {}
  try {
    body = Object(JSON.parse(text)) as typeof body
  } catch {
    // A proxy may answer with text that is not JSON.
  }
  if (response.ok) return { is: 'found', body }
  const { message = '', status = '' } = Object(body['error']) as {
    message?: string
    status?: string
  }
  const said = `${JSON.stringify(body['error'] ?? '')}`
  if (response.status === 404) return { is: 'missing' }
  if (/SERVICE_DISABLED|has not been used in project|is disabled/i.test(said)) {
    return { is: 'off', service }
  }
  if (response.status === 401) {
    return {
      is: 'unknown',
      why: 'the credentials are not valid',
      cure: 'gcloud auth application-default login',
    }
  }
  if (response.status === 403) {
    return { is: 'unknown', why: `this account may not see it (${message || status || '403'})` }
  }
  return { is: 'unknown', why: `it answers ${response.status} ${status || message}`.trim() }
}
