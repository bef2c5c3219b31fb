import { isCloudRunService } from '../../google/platform.ts'
import { CallerRefusedError } from '../../base/errors.ts'
import { checkOptions, namesOf } from '../../base/option-checks.ts'
import { type Caller, callerOf } from './caller.ts'
import { checkClaims, type Claims, expectedFrom, jsonOf } from './caller-claims.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { headerValues } from '../request/request-headers.ts'

/** Options of {@link privateService}. */
export interface PrivateServiceOptions {
  /**
   * The required `aud` of a token, character for character: the URL of the service, or another audience that IAM
   * accepts.
   */
  readonly audience: string | readonly string[]
  /** The e-mail addresses of the service accounts that may call. */
  readonly serviceAccounts: readonly string[]
}

const OPTIONS = namesOf<PrivateServiceOptions>({ audience: true, serviceAccounts: true })

/** Cloud Run replaces the signature of a token that it has verified by this text. */
const VERIFIED = 'SIGNATURE_REMOVED_BY_GOOGLE'

const MAX_HEADER = 8 * 1024

/**
 * Admits Cloud Scheduler and Cloud Tasks when they call a **private** Cloud Run service: one that requires
 * authentication, where IAM admits only callers with the role `roles/run.invoker`. Cloud Run verifies the ID token
 * itself and removes its signature. The app cannot verify it then, and `oidc()` would refuse every caller. This
 * function reads the claims of such a token: `iss`, `aud`, `exp`, `email` and `email_verified` must be right.
 *
 * **Use it only where IAM guards the service.** On a service that admits unauthenticated callers, any client can write
 * such a token; use `oidc()` there. It is only for `cleanupRoutes()`. It refuses every request outside Cloud Run, and
 * every token that still has its signature, since Cloud Run has not verified that one. When
 * `X-Serverless-Authorization` is present, Cloud Run verifies only that header. So only that header counts, and a
 * different `Authorization` is refused.
 *
 * Throws `SessionConfigError` without an audience or accounts.
 */
export function privateService(options: PrivateServiceOptions): Caller {
  checkOptions('privateService()', options, OPTIONS)
  const expected = expectedFrom('privateService', options.audience, options.serviceAccounts)
  return callerOf('privateService', (req) => {
    if (!isCloudRunService(process.env))
      throw new CallerRefusedError('privateService() works only on Cloud Run')
    checkClaims(claimsOf(req), expected, Date.now() / 1000, 0)
  })
}

interface Token {
  /** Header and claims, without the signature. */
  readonly said: string
  readonly claims: string
  readonly signature: string
}

function claimsOf(req: AnyRequest): Claims {
  const serverless = headerValues(req, 'x-serverless-authorization')
  const usual = headerValues(req, 'authorization')
  const [deciding, name] =
    serverless.length > 0 ? [serverless, 'X-Serverless-Authorization'] : [usual, 'Authorization']
  if (deciding.length !== 1) throw new CallerRefusedError(`not exactly one ${name} header`)
  const token = tokenFrom(deciding[0] as string)
  if (token === null) throw new CallerRefusedError('no bearer token of three parts')
  if (serverless.length > 0 && usual.some((value) => tokenFrom(value)?.said !== token.said))
    throw new CallerRefusedError(
      'Authorization says something else than X-Serverless-Authorization',
    )
  if (token.signature !== VERIFIED) {
    throw new CallerRefusedError(
      'the token has its signature, so Cloud Run has not verified it: let the service demand authentication, or use oidc()',
    )
  }
  return jsonOf(token.claims)
}

function tokenFrom(header: string): Token | null {
  if (header.length > MAX_HEADER) return null
  const match = /^bearer +(?<said>[\w-]+\.(?<claims>[\w-]+))\.(?<signature>[\w-]+)$/i.exec(header)
  return match === null ? null : (match.groups as unknown as Token)
}
