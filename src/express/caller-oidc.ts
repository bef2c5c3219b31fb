import { loadFailure } from '../optional-import.ts'
import { show } from '../duration.ts'
import { CallerRefusedError, SessionConfigError } from '../errors.ts'
import { checkOptions, namesOf } from '../option-names.ts'
import { type Caller, callerOf, soleHeader } from './caller.ts'

/** What is used of an `OAuth2Client` of `google-auth-library`. */
export interface IdTokenVerifier {
  verifyIdToken(options: {
    idToken: string
    audience: string | string[]
  }): Promise<{ getPayload(): object | undefined }>
}

/** Options of {@link oidc}. */
export interface OidcOptions {
  /** What the `aud` of a token must equal, character for character: what the queue and the scheduler were told. */
  readonly audience: string | readonly string[]
  /** The e-mail addresses of the service accounts that may call. */
  readonly serviceAccounts: readonly string[]
  /** An `OAuth2Client` that the app already has. Default: one of its own, made on first use and kept. */
  readonly client?: IdTokenVerifier
}

const PEER = 'google-auth-library'

/** Tokens of Google take about one. */
const MAX_TOKEN_BYTES = 8 * 1024

/** As Google signs: the library would go on to the key for any other name. */
const ALGORITHM = 'RS256'

const ISSUERS: readonly unknown[] = ['https://accounts.google.com', 'accounts.google.com']

/** By how much clocks may differ, in seconds; as much as the library allows. */
const CLOCK_SKEW = 300

/** How long the keys may take to arrive, in milliseconds. */
const DEADLINE = 10_000

/**
 * Cloud Tasks and Cloud Scheduler, by the ID token of a service account that they send in `Authorization: Bearer`
 * (in any case of letters, RFC 9110, 11.1). Signature, times, issuer and audience are verified by
 * `google-auth-library`, an optional peer that is loaded on first use; the account must be one of those named, with
 * a verified address. Whatever can not be verified, such as when Google's keys can not be fetched, is refused.
 *
 * Throws `SessionConfigError` without an audience or accounts: a token for another service would do, or anybody's.
 */
export function oidc(options: OidcOptions): Caller {
  const { audience, accounts, client } = checked(options)
  let verifier: Promise<IdTokenVerifier> | null = client === null ? null : Promise.resolve(client)
  return callerOf('oidc', async (req) => {
    const token = tokenOf(soleHeader(req, 'authorization'))
    verifier ??= loadVerifier()
    const payload = await verifiedPayload(await settled(verifier), token, audience)
    checkClaims(payload, audience, accounts)
  })

  /** A failure is not kept: the next caller tries again. */
  async function settled(pending: Promise<IdTokenVerifier>): Promise<IdTokenVerifier> {
    try {
      return await pending
    } catch (error) {
      if (verifier === pending) verifier = null
      throw error
    }
  }
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

function jsonOf(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

async function verifiedPayload(
  verifier: IdTokenVerifier,
  idToken: string,
  audience: string[],
): Promise<Readonly<Record<string, unknown>>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Failed to retrieve: too late')), DEADLINE)
  })
  try {
    const ticket = await Promise.race([verifier.verifyIdToken({ idToken, audience }), late])
    return (ticket.getPayload() ?? {}) as Record<string, unknown>
  } catch (error) {
    // Errors of the library quote the token, which still opens this route: neither their text nor they go on.
    const { message } = error as Error
    throw new CallerRefusedError(
      String(message).startsWith('Failed to retrieve')
        ? 'the keys of Google could not be fetched'
        : 'the token is not valid: its signature, key, times, issuer or audience',
    )
  } finally {
    clearTimeout(timer)
  }
}

/** What the library leaves unchecked, and once more what decides. */
function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  audience: readonly unknown[],
  accounts: ReadonlySet<unknown>,
): void {
  const { aud, iss, nbf, email, email_verified: verified } = claims
  if (!audience.includes(aud)) throw new CallerRefusedError('the token is for another audience')
  if (!ISSUERS.includes(iss)) throw new CallerRefusedError('the token is of another issuer')
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= Date.now() / 1000 + CLOCK_SKEW))
    throw new CallerRefusedError('the token is not valid yet')
  if (verified !== true) throw new CallerRefusedError('the address in the token is not verified')
  if (!accounts.has(email))
    throw new CallerRefusedError('the token is of an account that serviceAccounts does not name')
}

async function loadVerifier(): Promise<IdTokenVerifier> {
  let loaded: unknown
  try {
    loaded = await import('google-auth-library')
  } catch (cause) {
    throw new SessionConfigError(loadFailure(PEER, 'oidc()', cause), { cause })
  }
  const { OAuth2Client } = loaded as { OAuth2Client?: new () => IdTokenVerifier }
  if (typeof OAuth2Client !== 'function')
    throw new SessionConfigError(`this ${PEER} has no OAuth2Client: install version 9 or newer`)
  return new OAuth2Client()
}

const OPTIONS = namesOf<OidcOptions>({ audience: true, serviceAccounts: true, client: true })

function checked(options: OidcOptions): {
  audience: string[]
  accounts: ReadonlySet<string>
  client: IdTokenVerifier | null
} {
  checkOptions('oidc()', options, OPTIONS)
  const { audience, serviceAccounts, client } = options
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (audiences.length === 0) throw new SessionConfigError('oidc: audience must not be empty')
  for (const one of audiences) {
    if (typeof one !== 'string' || !/^[!-~]{1,2000}$/.test(one))
      throw new SessionConfigError(
        `oidc: audience must be the text that the tokens are issued for, such as the URL of this service, but is ${show(one)}`,
      )
  }
  if (!Array.isArray(serviceAccounts) || serviceAccounts.length === 0)
    throw new SessionConfigError(
      `oidc: serviceAccounts must name at least one service account, but is ${show(serviceAccounts)}`,
    )
  for (const one of serviceAccounts as readonly unknown[]) {
    if (typeof one !== 'string' || !/^[a-z0-9.-]+@[a-z0-9.-]+\.gserviceaccount\.com$/.test(one))
      throw new SessionConfigError(
        `oidc: serviceAccounts takes addresses that end with .gserviceaccount.com, and ${show(one)} is none`,
      )
  }
  if (client !== undefined && typeof client?.verifyIdToken !== 'function')
    throw new SessionConfigError('oidc: client must be an OAuth2Client of google-auth-library')
  return {
    audience: audiences as string[],
    accounts: new Set(serviceAccounts as readonly string[]),
    client: client ?? null,
  }
}
