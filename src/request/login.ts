import { show } from '../base/duration.ts'
import { SessionValueError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import { clientHints } from '../record/client-hints.ts'
import { type DataValues, encodedValues } from '../record/data-values.ts'
import { userProblem } from '../record/limits.ts'
import { type ClientHints, GUEST_USER } from '../record/record.ts'
import type { RequestClient } from './state.ts'

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
  client: RequestClient,
): LoginPlan {
  const problem =
    user === GUEST_USER ? `"${GUEST_USER}" is nobody: call logout()` : userProblem(user)
  if (problem !== null) throw new SessionValueError(problem)
  checkOptions('login()', options, LOGIN_OPTIONS)
  const data =
    options.data === undefined
      ? []
      : [...encodedValues(options.data, 'the option data of login()')].map(
          ({ key, value }) => [key, value] as const,
        )
  return { data, client: clientFrom(options.client, client) }
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
