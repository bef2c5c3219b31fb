import { CallerRefusedError } from '../../base/errors.ts'
import { checkOptions, namesOf } from '../../base/option-checks.ts'
import { soleHeader } from '../request/request-headers.ts'
import { oauth2Client } from './auth-library.ts'
import { type Caller, callerOf } from './caller.ts'
import {
  checkClaims,
  type Claims,
  type ExpectedCaller,
  expectedFrom,
  jsonOf,
} from './caller-claims.ts'

/** The part of an `OAuth2Client` of `google-auth-library` that is used here. */
export interface IdTokenVerifier {
  /** Checks signature, `aud`, `iss` and `exp` of a token, and returns its claims. */
  verifyIdToken(options: {
    idToken: string
    audience: string | string[]
  }): Promise<{ getPayload(): object | undefined }>
}

/** Options of {@link oidc}. */
export interface OidcOptions {
  /** The required `aud` of a token, character for character, as configured for the queue and the scheduler. */
  readonly audience: string | readonly string[]
  /** The e-mail addresses of the service accounts that may call. */
  readonly serviceAccounts: readonly string[]
  /** An `OAuth2Client` that the app already has. Default: a new one, made on first use and kept. */
  readonly client?: IdTokenVerifier
}

const OPTIONS = namesOf<OidcOptions>({ audience: true, serviceAccounts: true, client: true })

/** Maximum length of a token; tokens of Google have about 1 KiB. */
const MAX_TOKEN_BYTES = 8 * 1024

/** The algorithm of Google. The library would look up the key for any other name too. */
const ALGORITHM = 'RS256'

/** Allowed difference of clocks, in seconds, the same as in the library. */
const CLOCK_SKEW = 300

/** How long fetching the keys may take, in milliseconds. */
const DEADLINE = 10_000

/**
 * Admits Cloud Tasks and Cloud Scheduler by the ID token of a service account, which they send in
 * `Authorization: Bearer` (the scheme in any case, RFC 9110, 11.1). `google-auth-library`, an optional peer dependency
 * that is loaded on first use, verifies signature, times, issuer and audience. The account must be one of those named,
 * with a verified address. A token that cannot be verified, for example because Google's keys cannot be fetched, is
 * refused.
 *
 * Throws `SessionConfigError` without an audience or accounts, since any token for another service, or of any account,
 * would then be accepted.
 */
export function oidc(options: OidcOptions): Caller {
  checkOptions('oidc()', options, OPTIONS)
  const { audience, serviceAccounts, client } = options
  const expected = expectedFrom('oidc', audience, serviceAccounts)
  const verifier = oauth2Client('oidc', client, 'verifyIdToken')
  return callerOf('oidc', async (req) => {
    const token = tokenOf(soleHeader(req, 'authorization'))
    const payload = await verifiedPayload(await verifier(), token, expected)
    // Checks what the library leaves unchecked, and once more the claims that decide.
    checkClaims(payload, expected, Date.now() / 1000, CLOCK_SKEW)
  })
}

function tokenOf(header: string | null): string {
  if (header === null) throw new CallerRefusedError('not exactly one Authorization header')
  if (header.length > MAX_TOKEN_BYTES) throw new CallerRefusedError('the token is too long')
  const match = /^bearer +(?<token>(?<head>[\w-]+)\.[\w-]+\.[\w-]+)$/i.exec(header)
  const { token = '', head = '' } = match?.groups ?? {}
  if (match === null) throw new CallerRefusedError('no bearer token of three parts')
  const { alg, kid } = jsonOf(head)
  if (alg !== ALGORITHM) throw new CallerRefusedError(`the token is not signed with ${ALGORITHM}`)
  if (typeof kid !== 'string' || kid === '')
    throw new CallerRefusedError('the token names no key that signed it')
  return token
}

async function verifiedPayload(
  verifier: IdTokenVerifier,
  idToken: string,
  expected: ExpectedCaller,
): Promise<Claims> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Failed to retrieve: too late')), DEADLINE)
  })
  try {
    const ticket = await Promise.race([
      verifier.verifyIdToken({ idToken, audience: [...expected.audience] }),
      late,
    ])
    return (ticket.getPayload() ?? {}) as Claims
  } catch (error) {
    // Errors of the library quote the token, which still opens this route, so neither their text nor the error is
    // passed on.
    const { message } = error as Error
    if (String(message).startsWith('Failed to retrieve'))
      throw new CallerRefusedError('the keys of Google could not be fetched')
    // The claims are checked although they are unverified, since they usually show which setting is wrong.
    checkClaims(jsonOf(idToken.split('.')[1] ?? ''), expected, Date.now() / 1000, CLOCK_SKEW)
    throw new CallerRefusedError('the token is not valid: its signature, its key or its times')
  } finally {
    clearTimeout(timer)
  }
}
