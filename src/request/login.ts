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
  /** Data for the new session beside the persistent fields, in any form that `update()` takes. */
  readonly data?: DataValues<Data>
  /**
   * The client of this login for a list of devices. `true`: user agent and shortened address of the request; an object:
   * these values. Default: nothing is stored. The address loses its last part, 8 bits of IPv4 or 80 bits of IPv6.
   */
  readonly client?: true | ClientHints
}

const LOGIN_OPTIONS = namesOf<LoginOptions<object>>({ data: true, client: true })

const WITHOUT_CLIENTS: OptionHints = {
  client: 'there is no list of devices: use createSessions() with a store',
}

const CLIENT_HINTS = namesOf<ClientHints>({ agent: true, address: true })

/** The checked arguments of `login()`. */
export interface LoginPlan {
  readonly data: readonly (readonly [string, unknown])[]
  readonly client: ClientHints | null
}

/**
 * Checks the arguments of `login()` before anything is done: a refused login must have no effect. Throws
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
  if (problem !== null) {
    const given: unknown = user
    const isObject = typeof given === 'object' && given !== null
    const hint = isObject ? ': give its id as text, and keep the rest with set()' : ''
    throw new SessionValueError(`${problem}${hint}`)
  }
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

/** Asks for a new id and the identity of the user. `fence`: the numbers that were read when the login began. */
export function wishForLogin(
  state: RequestState,
  user: string,
  { client }: LoginPlan,
  fence: Fence | null,
): void {
  state.response.require('login()')
  const { settings, owner } = state
  const staticKey = mintSecret(settings.randomBytes)
  // Data of one user must not go to another user.
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
