import { loadFailure } from '../../../base/optional-import.ts'
import { passingTrouble, storeRefusal } from '../../../base/store-errors.ts'
import { withoutQuotes } from '../../../google/quoting-errors.ts'
import { tokenProblem } from '../set-up-errors.ts'
import { type CallHeaders, type Token, Tokens } from './tokens.ts'

/** The scopes of tokens for Datastore, as in Google's client. */
const SCOPES = [
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/datastore',
]

const AUTH = 'google-auth-library'

/** How long headers without a known expiry are kept, in milliseconds. */
const UNKNOWN_EXPIRY = 5 * 60 * 1000

/** The credentials of the environment: a key file, the account of the machine, or the user of gcloud. */
export interface GoogleCredentials {
  readonly tokens: Tokens
  /** Finds the credentials. Throws the error of google-auth-library if there are none. */
  find(): Promise<void>
  projectId(): Promise<string>
}

/** The parts of google-auth-library that are used. */
interface Library {
  readonly GoogleAuth: new (options: object) => GoogleAuth
}

interface GoogleAuth {
  useJWTAccessWithScope?: boolean
  defaultServicePath?: string
  getClient(): Promise<AuthClient>
  getProjectId(): Promise<string>
  getUniverseDomain(): Promise<string>
}

interface AuthClient {
  readonly universeDomain?: string
  readonly credentials?: { readonly expiry_date?: number | null }
  getRequestHeaders(url: string): Promise<Headers | Readonly<Record<string, string>>>
}

export interface CredentialsSettings {
  /** The domain of this Google Cloud. */
  readonly universe: string
  /** The project; `null`: it is searched, by running gcloud and by a call to the metadata server. */
  readonly projectId: string | null
}

/** Loads google-auth-library. It does not fetch a token yet. */
export async function googleCredentials(
  { universe, projectId }: CredentialsSettings,
  load: (() => Promise<unknown>) | null,
): Promise<GoogleCredentials> {
  const { GoogleAuth } = await loadLibrary(load)
  const auth = new GoogleAuth({ scopes: SCOPES, ...(projectId !== null && { projectId }) })
  // With a key file, tokens are signed locally and need no request.
  auth.useJWTAccessWithScope = true
  auth.defaultServicePath = `datastore.${universe}`
  const fetch = async (): Promise<Token> => {
    const client = await auth.getClient()
    const headers = textsOf(await client.getRequestHeaders(`https://datastore.${universe}/`))
    return { headers, expires: expiryOf(client, headers) }
  }
  const tokens = new Tokens(() =>
    fetch().catch((cause: unknown) => {
      throw tokenFailure(cause)
    }),
  )
  return {
    tokens,
    find: async () => {
      await checkUniverse(universe, auth, await auth.getClient())
    },
    projectId: () => auth.getProjectId(),
  }
}

async function loadLibrary(load: (() => Promise<unknown>) | null): Promise<Library> {
  let loaded: unknown
  try {
    // A literal `import()` inside the `try`: bundlers find it, and accept that the package may not be installed.
    loaded = load === null ? await import('google-auth-library') : await load()
  } catch (cause) {
    throw storeRefusal(loadFailure(AUTH, 'datastoreStore()', cause), cause)
  }
  const library = (loaded as { default?: Library }).default ?? (loaded as Library)
  if (typeof library.GoogleAuth === 'function') return library
  throw storeRefusal(`this ${AUTH} has no GoogleAuth: install version 9 or newer`)
}

/** Throws if the credentials belong to another universe: their tokens must not be sent to this one. */
async function checkUniverse(
  universe: string,
  auth: GoogleAuth,
  client: AuthClient,
): Promise<void> {
  // For the account of the machine, `universeDomain` is not set; only a request returns it.
  if ((client.universeDomain ?? universe) === universe) return
  const found = await auth.getUniverseDomain()
  if (found === universe) return
  throw storeRefusal(
    `the credentials belong to the universe ${found}, but calls go to ${universe}: set GOOGLE_CLOUD_UNIVERSE_DOMAIN to the universe of the credentials`,
  )
}

/** Returns the headers as an object. Version 10 and newer return a `Headers`, older ones an object. */
function textsOf(headers: Headers | Readonly<Record<string, string>>): CallHeaders {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers)
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]))
}

function expiryOf({ credentials }: AuthClient, { authorization = '' }: CallHeaders): number {
  // For a locally signed token, only the token itself contains the expiry.
  return expiryIn(authorization) ?? credentials?.expiry_date ?? Date.now() + UNKNOWN_EXPIRY
}

/** Returns when a JSON web token expires; `null` for any other token. */
function expiryIn(authorization: string): number | null {
  const [, payload] = /^Bearer [\w-]+\.([\w-]+)\.[\w-]+$/.exec(authorization) ?? []
  if (payload === undefined) return null
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp?: unknown }
    return typeof exp === 'number' ? exp * 1000 : null
  } catch {
    return null
  }
}

/** Makes the error for a call without a token, which was not sent. It contains the reason, without quoted texts. */
function tokenFailure(failure: unknown): unknown {
  const cause = withoutQuotes(failure)
  const said = cause instanceof Error ? cause.message : String(cause)
  const [reason = ''] = said.split('\n')
  return passingTrouble(
    `no call to Datastore is sent, since ${tokenProblem(said)} (${reason.slice(0, 200)})`,
    cause,
  )
}
