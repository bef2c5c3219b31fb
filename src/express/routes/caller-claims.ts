import { wrongOption } from '../../base/option-checks.ts'
import { show } from '../../base/duration.ts'
import { CallerRefusedError, SessionConfigError } from '../../base/errors.ts'

/** The claims of an ID token. They can have any form until they are checked. */
export type Claims = Readonly<Record<string, unknown>>

/** The audience and the accounts that a token must have. */
export interface ExpectedCaller {
  readonly audience: readonly string[]
  readonly accounts: ReadonlySet<string>
}

const ISSUERS: readonly string[] = ['https://accounts.google.com', 'accounts.google.com']

/**
 * Throws for the first wrong claim. `now` and `skew` are in seconds. The error contains the claim, the expected value
 * and the actual value, so that a mistake in the set-up can be found from the log.
 */
export function checkClaims(
  claims: Claims,
  expected: ExpectedCaller,
  now: number,
  skew: number,
): void {
  const { aud, iss, exp, nbf, email, email_verified: verified } = claims
  const { audience, accounts } = expected
  if (!(audience as readonly unknown[]).includes(aud))
    throw refused('the token is for another audience', 'aud', listOf(audience), aud)
  if (!(ISSUERS as readonly unknown[]).includes(iss))
    throw refused('the token is of another issuer', 'iss', listOf(ISSUERS), iss)
  if (!(typeof exp === 'number' && exp + skew > now))
    throw refused('the token has expired', 'exp', `more than ${Math.floor(now) - skew}`, exp)
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= now + skew))
    throw refused('the token is not valid yet', 'nbf', `at most ${Math.floor(now) + skew}`, nbf)
  if (verified !== true)
    throw refused('the address in the token is not verified', 'email_verified', 'true', verified)
  if (!(accounts as ReadonlySet<unknown>).has(email)) {
    throw refused(
      'the account of the token is not in serviceAccounts',
      'email',
      listOf([...accounts]),
      email,
    )
  }
}

function refused(why: string, claim: string, expected: string, came: unknown): CallerRefusedError {
  return new CallerRefusedError(why, { claim, expected, came: shown(came) })
}

function listOf(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(' or ')
}

/**
 * Shortens a value and replaces control characters and direction marks, since any client can send a token with any
 * content.
 */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? typeof value
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?')
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean
}

/** Decodes a part of a token; an empty object when it is not a JSON object. */
export function jsonOf(part: string): Claims {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Claims) : {}
  } catch {
    return {}
  }
}

/** Checks the options `audience` and `serviceAccounts` of a caller. */
export function expectedFrom(
  of: string,
  audience: unknown,
  serviceAccounts: unknown,
): ExpectedCaller {
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (audiences.length === 0) throw new SessionConfigError(`${of}: audience must not be empty`)
  for (const one of audiences) {
    if (typeof one !== 'string' || !/^[!-~]{1,2000}$/.test(one))
      throw wrongOption(
        `${of}: audience`,
        'must be the text that the tokens are issued for, such as the URL of this service',
        one,
      )
  }
  if (!Array.isArray(serviceAccounts) || serviceAccounts.length === 0)
    throw wrongOption(
      `${of}: serviceAccounts`,
      'must name at least one service account',
      serviceAccounts,
    )
  for (const one of serviceAccounts as readonly unknown[]) {
    if (typeof one !== 'string' || !/^[a-z0-9.-]+@[a-z0-9.-]+\.gserviceaccount\.com$/.test(one))
      throw new SessionConfigError(
        `${of}: serviceAccounts takes addresses in lower case that end with .gserviceaccount.com, not ${show(one)}`,
      )
  }
  return {
    audience: audiences as string[],
    accounts: new Set(serviceAccounts as readonly string[]),
  }
}
