import { show } from '../base/duration.ts'
import { SessionValueError } from '../base/errors.ts'
import { checkOptions, namesOf, type OptionHints } from '../base/option-checks.ts'
import { clientHints } from '../record/info.ts'
import { type DataValues, encodedValues } from '../record/data-values.ts'
import type { Fence } from '../end/fences.ts'
import { mintSecret } from '../record/id.ts'
import { NOTHING } from '../record/payload.ts'
import { userProblem } from '../record/limits.ts'
import { type ClientHints, GUEST_USER } from '../record/record.ts'
import { hashOfKey } from './security-keys.ts'
import type { RequestClient, RequestState } from './state.ts'

/** Options of `session.login()`. */
export interface LoginOptions<Data extends object> {
  /** What the new session holds beside the persistent fields, in any form that `update()` takes. */
  readonly data?: DataValues<Data>
  /**
   * What a list of devices is to show of this login: `true`: agent and shortened address as the request told them,
   * an object: these. Default: nothing is kept. The address loses its last part, 8 bits of IPv4 or 80 of IPv6.
   */
  readonly client?: true | ClientHints
}

const LOGIN_OPTIONS = namesOf<LoginOptions<object>>({ data: true, client: true })

const WITHOUT_CLIENTS: OptionHints = {
  client: 'there is no list of devices: use createSessions() with a store',
}

const CLIENT_HINTS = namesOf<ClientHints>({ agent: true, address: true })

/** What `login()` was asked for, checked. */
export interface LoginPlan {
  readonly data: readonly (readonly [string, unknown])[]
  readonly client: ClientHints | null
}

/**
 * Checks what `login()` was asked for, before anything is done: a login that was refused must not take effect. Throws
 * `SessionValueError` and `SessionConfigError`.
 */
export function loginPlan<Data extends object>(
  user: string,
  options: LoginOptions<Data>,
  { client, settings: { codec } }: RequestState,
  { keepsClients }: { readonly keepsClients: boolean },
): LoginPlan {
  const problem =
    user === GUEST_USER ? `"${GUEST_USER}" is nobody: call logout()` : userProblem(user)
  if (problem !== null) throw new SessionValueError(problem)
  if (keepsClients) checkOptions('login()', options, LOGIN_OPTIONS)
  else checkOptions('login()', options, ['data'], WITHOUT_CLIENTS)
  const data =
    options.data === undefined
      ? []
      : encodedValues(options.data, 'the option data of login()', codec).map(
          ({ key, value }) => [key, value] as const,
        )
  return { data, client: clientFrom(options.client, client) }
}

/** Lets the session go on as that of the user, under a new id. `fence`: the numbers read when the login began. */
export function wishForLogin(
  state: RequestState,
  user: string,
  { client }: LoginPlan,
  fence: Fence | null,
): void {
  state.response.require('login()')
  const { settings, owner } = state
  const staticKey = mintSecret(settings.randomBytes)
  // What one user left behind is none of another's business.
  const isSame = owner.user === GUEST_USER || owner.user === user
  const authenticated = settings.now()
  state.changeIdentity(
    'login',
    isSame ? settings.keepOnLogin : NOTHING,
    { user, authenticated, staticKey: hashOfKey(staticKey), client, fence },
    staticKey,
  )
}

function clientFrom(
  wanted: true | ClientHints | undefined,
  client: RequestClient,
): ClientHints | null {
  if (wanted === undefined) return null
  if (wanted === true) return clientHints(client.userAgent, client.ip)
  if (typeof wanted === 'object' && wanted !== null) {
    checkOptions('the option client of login()', wanted, CLIENT_HINTS)
    return clientHints(wanted.agent, wanted.address)
  }
  throw new SessionValueError(
    `the option client of login() must be true or an object with agent and address, not ${show(wanted)}`,
  )
}
