import { CallerRefusedError } from '../../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../../base/option-checks.ts'
import { soleHeader } from '../request/request-headers.ts'
import { oauth2Client } from '../routes/auth-library.ts'
import { type Claims, jsonOf } from '../routes/caller-claims.ts'
import type { ConsoleAllow } from './access.ts'
import { keptKeys } from './iap-keys.ts'

/** The part of an `OAuth2Client` of `google-auth-library` that is used here. */
export interface IapVerifier {
  /** Returns the keys of Identity-Aware Proxy. */
  getIapPublicKeys(): Promise<{ readonly pubkeys: object }>
  /** Checks signature, `aud`, `iss` and times of a token, and returns its claims. */
  verifySignedJwtWithCertsAsync(
    jwt: string,
    certs: never,
    requiredAudience: string,
    issuers: string[],
  ): Promise<{ getPayload(): object | undefined }>
}

/** The answer of a function that knows the operators, for one address: `true` means `'act'`. */
export type IapAnswer = boolean | 'view' | 'act'

/** Options of {@link iap}. */
export interface IapOptions {
  /**
   * The required `aud` of the header: `/projects/NUMBER/apps/PROJECT` on App Engine,
   * `/projects/NUMBER/global/backendServices/ID` behind a load balancer,
   * `/projects/NUMBER/locations/REGION/services/NAME` on Cloud Run.
   */
  readonly audience: string
  /**
   * The operators: e-mail addresses, all of which may act, or a function that decides for one address. Required,
   * because the proxy may admit people who are not operators.
   */
  readonly users: readonly string[] | ((email: string) => IapAnswer | Promise<IapAnswer>)
  /** An `OAuth2Client` that the app already has. Default: a new one, made on first use and kept. */
  readonly client?: IapVerifier
}

const HEADER = 'x-goog-iap-jwt-assertion'

const ISSUER = 'https://cloud.google.com/iap'

/** The algorithm of the proxy. The library would look up the key for any other name too. */
const ALGORITHM = 'ES256'

const MAX_TOKEN_BYTES = 8 * 1024

const OPTIONS = namesOf<IapOptions>({ audience: true, users: true, client: true })

/**
 * Admits the `users` that Identity-Aware Proxy has signed in. It checks the header `X-Goog-IAP-JWT-Assertion`:
 * `google-auth-library`, an optional peer dependency that is loaded on first use, verifies signature, times, issuer and
 * audience. The log names the users by their addresses. Throws `SessionConfigError` without an audience or users.
 */
export function iap(options: IapOptions): ConsoleAllow {
  checkOptions('iap()', options, OPTIONS)
  const { audience, users } = options
  if (typeof audience !== 'string' || !audience.startsWith('/projects/'))
    throw wrongOption('iap: audience', 'must be a text that begins with /projects/', audience)
  const client = oauth2Client('iap', options.client, 'verifySignedJwtWithCertsAsync')
  const keysFor = keptKeys(async () => (await (await client()).getIapPublicKeys()).pubkeys)
  const accessOf = accessFrom(users)
  return async (req) => {
    const token = tokenOf(soleHeader(req, HEADER))
    const name = await emailIn(token, await client(), keysFor, audience)
    const access = await accessOf(name)
    if (access === true || access === 'act') return { access: 'act', name }
    if (access === 'view') return { access, name }
    throw new CallerRefusedError('the user whom the proxy signed in is not in users')
  }
}

function headerOf(token: string): Claims {
  return jsonOf(token.split('.')[0] ?? '')
}

function tokenOf(header: string | null): string {
  if (header === null) throw new CallerRefusedError(`not exactly one ${HEADER}`)
  if (header.length > MAX_TOKEN_BYTES || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(header))
    throw new CallerRefusedError(`${HEADER} is no token of three parts`)
  if (headerOf(header)['alg'] !== ALGORITHM)
    throw new CallerRefusedError(`the token is not signed with ${ALGORITHM}`)
  return header
}

async function emailIn(
  token: string,
  client: IapVerifier,
  keysFor: ReturnType<typeof keptKeys>,
  audience: string,
): Promise<string> {
  let payload: { readonly email?: unknown; readonly aud?: unknown; readonly iss?: unknown }
  try {
    const keys = await keysFor(headerOf(token)['kid'])
    const ticket = await client.verifySignedJwtWithCertsAsync(token, keys as never, audience, [
      ISSUER,
    ])
    payload = ticket.getPayload() ?? {}
  } catch {
    // Not passed on, since errors of the library quote the token.
    throw new CallerRefusedError(
      'the token of the proxy could not be verified: its signature, its key, its audience or its times',
    )
  }
  const { email, aud, iss } = payload
  // Checked here again, since these two claims decide.
  if (aud !== audience || iss !== ISSUER)
    throw new CallerRefusedError('the token has another audience or issuer')
  if (typeof email !== 'string' || email === '')
    throw new CallerRefusedError('the token has no email')
  return lowered(email)
}

/**
 * Lower-cases ASCII letters only: toLowerCase() would turn the Kelvin sign into a k, and so one address into another.
 */
function lowered(email: string): string {
  return email.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

type AccessOf = (email: string) => unknown

function accessFrom(users: unknown): AccessOf {
  if (typeof users === 'function') return users as AccessOf
  const isList =
    Array.isArray(users) &&
    users.length > 0 &&
    users.every((user) => typeof user === 'string' && /^[^@\s*]+@[^@\s*]+$/.test(user))
  if (!isList)
    throw wrongOption(
      'iap: users',
      'must name the e-mail addresses of the operators, or be a function that knows them',
      users,
    )
  const known = new Set((users as string[]).map(lowered))
  return (email) => known.has(email)
}
