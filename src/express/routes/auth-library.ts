import { SessionConfigError } from '../../base/errors.ts'
import { onDemand } from '../../base/on-demand.ts'
import { loadFailure } from '../../base/optional-import.ts'

const PEER = 'google-auth-library'

/**
 * Returns a function that gives the client of the app, or a new `OAuth2Client`, which it makes at the first call and
 * keeps. A failure is not kept: the next call tries again. `of`: the function with the option `client`. `method`: what
 * is called on the client. Throws `SessionConfigError` for a client without that method.
 */
export function oauth2Client<Client extends object>(
  of: string,
  client: Client | undefined,
  method: keyof Client,
): () => Promise<Client> {
  if (client === undefined) return onDemand(() => newClient<Client>(of))
  if (typeof client?.[method] === 'function') return () => Promise.resolve(client)
  throw new SessionConfigError(`${of}: client must be an OAuth2Client of ${PEER}`)
}

async function newClient<Client>(of: string): Promise<Client> {
  let loaded: unknown
  try {
    loaded = await import('google-auth-library')
  } catch (cause) {
    throw new SessionConfigError(loadFailure(PEER, `${of}()`, cause), { cause })
  }
  const { OAuth2Client } = loaded as { OAuth2Client?: new () => Client }
  if (typeof OAuth2Client !== 'function')
    throw new SessionConfigError(`this ${PEER} has no OAuth2Client: install version 9 or newer`)
  return new OAuth2Client()
}
