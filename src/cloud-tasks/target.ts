import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'

/**
 * Delivers to an App Engine app of the queue's project, which recognizes such requests by their `X-AppEngine-*`
 * headers.
 */
export interface AppEngineTarget {
  /** The path that tasks are sent to, optionally with a query. Default `/_sessions/task`. */
  readonly relativeUri?: string
  /** The service. Default: the service that adds the task (`GAE_SERVICE`), otherwise the app's default service. */
  readonly service?: string
  /**
   * The version. Default: the version that adds the task (`GAE_VERSION`), so that code and body match. `null`: the
   * version that serves traffic at delivery. When `service` names another service, `null` is the default.
   */
  readonly version?: string | null
}

/** Delivers to any URL, with an OIDC token that the receiver must verify. */
export interface HttpTarget {
  /** An `https:` URL; `http:` is allowed for this machine only, since others could read the token on its way. */
  readonly url: string
  /** The account whose token is sent. The account that adds tasks needs `iam.serviceAccounts.actAs` on it. */
  readonly serviceAccountEmail: string
  /** The `aud` of the token that the receiver expects. Default: `url`, as it is written. */
  readonly audience?: string
}

const APP_ENGINE_OPTIONS = namesOf<AppEngineTarget>({
  relativeUri: true,
  service: true,
  version: true,
})

const HTTP_OPTIONS = namesOf<HttpTarget>({ url: true, serviceAccountEmail: true, audience: true })

/** The target of tasks, ready for requests. */
export interface Target {
  readonly kind: 'app-engine' | 'http'
  /** Returns the part of a task that describes the request. */
  request(body: Buffer): object
}

type Environment = Readonly<Record<string, string | undefined>>

/** Cloud Tasks, `target.proto`: the limit of both `relative_uri` and `url`. */
const LONGEST_URL = 2083

const HEADERS = { 'Content-Type': 'application/json' }

/** Throws `SessionConfigError` for a target that cannot work. */
export function targetFrom(target: unknown, environment: Environment): Target {
  if (typeof target === 'object' && target !== null) {
    const { appEngine, url } = target as Record<string, unknown>
    if (appEngine !== undefined && url !== undefined) {
      throw wrongOption(
        'cloudTasks: target',
        'must have either appEngine or url, and not both',
        target,
      )
    }
    if (typeof appEngine === 'object' && appEngine !== null) {
      checkOptions('the option target of cloudTasks()', target, ['appEngine'])
      checkOptions('target.appEngine of cloudTasks()', appEngine, APP_ENGINE_OPTIONS)
      return appEngineTarget(appEngine, environment)
    }
    checkOptions('the option target of cloudTasks()', target, ['appEngine', ...HTTP_OPTIONS])
    if (url !== undefined) return httpTarget(target as Record<string, unknown>)
  }
  throw wrongOption(
    'cloudTasks: target',
    'must be { appEngine: {} } or { url, serviceAccountEmail }',
    target,
  )
}

function appEngineTarget(options: AppEngineTarget, environment: Environment): Target {
  const { relativeUri = '/_sessions/task' } = options
  if (
    typeof relativeUri !== 'string' ||
    relativeUri.length > LONGEST_URL ||
    !/^\/(?!\/)[!"$-~]*$/.test(relativeUri)
  ) {
    throw wrongOption(
      'cloudTasks: target.appEngine.relativeUri',
      "must be a path such as '/_sessions/task', without spaces or a fragment",
      relativeUri,
    )
  }
  const here = environment['GAE_SERVICE'] || undefined
  const service = options.service ?? here
  const version =
    options.version === undefined
      ? // Another service may not have a version of this name.
        service === here
        ? environment['GAE_VERSION'] || undefined
        : undefined
      : (options.version ?? undefined)
  const routing = {
    ...(service === undefined ? {} : { service: label('service', service) }),
    ...(version === undefined ? {} : { version: label('version', version) }),
  }
  return {
    kind: 'app-engine',
    request: (body) => ({
      appEngineHttpRequest: {
        httpMethod: 'POST',
        relativeUri,
        headers: HEADERS,
        body,
        ...(Object.keys(routing).length === 0 ? {} : { appEngineRouting: routing }),
      },
    }),
  }
}

/** App Engine: names of services and versions are one label of a host name. */
function label(option: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value)) {
    throw wrongOption(
      `cloudTasks: target.appEngine.${option}`,
      'must be up to 63 lowercase letters, digits and hyphens',
      value,
    )
  }
  return value
}

function httpTarget(options: Readonly<Record<string, unknown>>): Target {
  const { url, serviceAccountEmail, audience = url } = options
  const parsed = typeof url === 'string' && url.length <= LONGEST_URL ? parse(url) : null
  if (typeof url !== 'string' || parsed === null || /\s/.test(url)) {
    throw wrongOption(
      'cloudTasks: target.url',
      'must be a URL such as https://example.com/_sessions/task',
      url,
    )
  }
  if (parsed.username !== '' || parsed.password !== '' || parsed.hash !== '') {
    // Not shown, since it may contain a password.
    throw new SessionConfigError(
      'cloudTasks: target.url must have no user, no password and no fragment',
    )
  }
  if (
    parsed.protocol !== 'https:' &&
    !(parsed.protocol === 'http:' && isLoopback(parsed.hostname))
  ) {
    throw wrongOption('cloudTasks: target.url', 'must be https:, or http: on this machine', url)
  }
  if (
    typeof serviceAccountEmail !== 'string' ||
    !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(serviceAccountEmail)
  ) {
    throw wrongOption(
      'cloudTasks: target.serviceAccountEmail',
      'must be the e-mail address of a service account',
      serviceAccountEmail,
    )
  }
  if (typeof audience !== 'string' || audience === '') {
    throw wrongOption('cloudTasks: target.audience', 'must be a text that is not empty', audience)
  }
  return {
    kind: 'http',
    request: (body) => ({
      httpRequest: {
        httpMethod: 'POST',
        url,
        headers: HEADERS,
        body,
        oidcToken: { serviceAccountEmail, audience },
      },
    }),
  }
}

function parse(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null
}

/** Whether the host of a parsed URL is this machine. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
