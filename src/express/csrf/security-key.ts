import { RequestRefusedError, SessionConfigError, SessionValueError } from '../../base/errors.ts'
import { checkOptions, namesOf } from '../../base/option-checks.ts'
import { purposeOf } from '../../request/security-keys.ts'
import { doorOf } from '../../request/adapter-door.ts'
import type { Session } from '../../request/session.ts'
import type { KeyRefusal } from '../../record/diagnostics.ts'
import {
  evidenceOf,
  originRefusal,
  type Origins,
  originsFrom,
  refusedOrigin,
  type RequestCheck,
  type SameOriginOptions,
} from './same-origin.ts'
import type { AnySessions } from '../request/named-sessions.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { reportTrouble, sessionFor, sessionsFrom } from '../request/request-session.ts'
import { headerValues, isSafe } from '../request/request-headers.ts'

/** Options of {@link requireSecurityKey}. */
export interface SecurityKeyCheckOptions extends SameOriginOptions {
  /** The purpose that a one-time key must have. Default: the empty text, as for `getSecurityKey()`. */
  readonly purpose?: string
  /** The sessions that the key must belong to, when a request has several. Default: that of `req.session`. */
  readonly sessions?: AnySessions
}

const OPTIONS = namesOf<SecurityKeyCheckOptions>({ origins: true, purpose: true, sessions: true })

interface Rules {
  readonly sessions: AnySessions | null
  readonly origins: Origins
  readonly purpose: string
}

/**
 * Checks what `requireSameOrigin()` checks, and also requires a security key of the session. This is a one-time key in
 * the body field `skey` or the header `X-Security-Key`, which is used up, or the static key in
 * `Sec-X-ViUR-StaticSessionKey`. With a valid static key, a request without any header about its origin passes too,
 * since no script of a page can set a header that starts with `Sec-` (Fetch, "forbidden request-header"). Mount it
 * after `sessionMiddleware()` and, for the field, after the body parser. Mount it only once for a route, since a key is
 * valid once.
 *
 * A refusal goes to `next()` as `RequestRefusedError`, and a store failure as `SessionStoreError`; the response is not
 * changed. The origin is checked first, so that a request with a wrong origin does not use up a key. Throws
 * `SessionConfigError` for options that cannot work.
 */
export function requireSecurityKey(options: SecurityKeyCheckOptions = {}): RequestCheck {
  const rules = rulesFrom(options)
  return function viurSecurityKey(req, _res, next) {
    if (isSafe(req)) next()
    else admit(req, rules).then(() => next(), next)
  }
}

/** Resolves when the request may pass. */
async function admit(req: AnyRequest, { sessions, origins, purpose }: Rules): Promise<void> {
  const session = sessionFor('requireSecurityKey()', req, sessions)
  const evidence = evidenceOf(req)
  const refusal = originRefusal(evidence, origins)
  const sent = sentKeysOf(req)
  const [native] = sent.statics
  if (refusal !== null && !(refusal.silent && native !== undefined))
    throw refusedOrigin(req, evidence, refusal, session)
  const chosen = chooseKey(sent)
  if (chosen.kind === 'refused') {
    const key = doorOf(session)?.key ?? null
    reportTrouble(req, { kind: 'key-refused', key, why: chosen.why }, session)
    throw refusedKey(chosen.why)
  }
  await session.load({ fresh: true })
  if (refusal !== null && !session.validateStaticSecurityKey(native)) throw refusedKey('static')
  if (!(await isValid(session, chosen, purpose))) throw refusedKey(null)
}

async function isValid(
  session: Session,
  chosen: Exclude<ChosenKey, { kind: 'refused' }>,
  purpose: string,
): Promise<boolean> {
  if (chosen.kind === 'static') return session.validateStaticSecurityKey(chosen.key)
  return (await session.validateSecurityKey(chosen.key, { purpose })) !== false
}

function refusedKey(why: KeyRefusal | null): RequestRefusedError {
  const reason = why === null ? 'does not count' : REASONS[why]
  return new RequestRefusedError(`the request was refused: its security key ${reason}`)
}

const REASONS: Partial<Record<KeyRefusal, string>> = {
  missing:
    'is missing: send it in the field skey of a body that is parsed before, or in the header X-Security-Key',
  malformed: 'is not a text, or was sent more than once',
  static: 'refers to the static key, which is not valid',
}

function rulesFrom(options: SecurityKeyCheckOptions): Rules {
  checkOptions('requireSecurityKey()', options, OPTIONS)
  const origins = originsFrom('requireSecurityKey()', options.origins)
  const sessions = sessionsFrom('requireSecurityKey()', options.sessions)
  try {
    const { purpose = '' } = options
    return { sessions, origins, purpose: purposeOf({ purpose }) }
  } catch (error) {
    if (!(error instanceof SessionValueError)) throw error
    throw new SessionConfigError(`requireSecurityKey(): ${error.message}`)
  }
}

/** Sent in place of a one-time key: it refers to the static key in its header. */
const STATIC_MARKER = 'STATIC_SESSION_KEY'

/** All security keys that a request sent. */
interface SentKeys {
  /** The field of the parsed body, of any type; `undefined` when there is none. */
  readonly field: unknown
  /** The values of X-Security-Key, one for each time it was sent. */
  readonly headers: readonly string[]
  /** The values of Sec-X-ViUR-StaticSessionKey, likewise. */
  readonly statics: readonly string[]
}

/** The key to check, or the reason why there is none. */
type ChosenKey =
  | { readonly kind: 'one-time' | 'static'; readonly key: string }
  | { readonly kind: 'refused'; readonly why: KeyRefusal }

function sentKeysOf(req: AnyRequest & { readonly body?: unknown }): SentKeys {
  return {
    field: fieldOf(req.body),
    headers: headerValues(req, 'x-security-key'),
    statics: headerValues(req, 'sec-x-viur-staticsessionkey'),
  }
}

function fieldOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'skey')
    ? (body as { readonly skey: unknown }).skey
    : undefined
}

/** Chooses the key to validate from those that were sent. An ambiguous choice is refused. */
function chooseKey({ field, headers, statics }: SentKeys): ChosenKey {
  if (headers.length > 1 || statics.length > 1) return { kind: 'refused', why: 'malformed' }
  if (field !== undefined && typeof field !== 'string') return { kind: 'refused', why: 'malformed' }
  const [header] = headers
  if (field !== undefined && header !== undefined && field !== header)
    return { kind: 'refused', why: 'malformed' }
  const oneTime = field ?? header
  if (oneTime !== undefined && oneTime !== STATIC_MARKER) return { kind: 'one-time', key: oneTime }
  const [key] = statics
  if (key !== undefined) return { kind: 'static', key }
  return { kind: 'refused', why: oneTime === undefined ? 'missing' : 'static' }
}
