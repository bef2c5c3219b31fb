import { loadFailure } from '../../../base/optional-import.ts'
import { passingTrouble, storeRefusal } from '../../../base/store-errors.ts'
import { withoutQuotes } from '../../../google/quoting-errors.ts'
import { tokenProblem } from '../set-up-errors.ts'
import { type CallHeaders, type Token, Tokens } from './tokens.ts'

/** What calls to Datastore need a token for, as Google's client asks for it. */
const SCOPES = [
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/datastore',
]

const AUTH = 'google-auth-library'

/** How long headers are kept that do not say when they expire, in milliseconds. */
const UNKNOWN_EXPIRY = 5 * 60 * 1000

/** Who asks, as the environment says: a key file, the account of the machine, the user of gcloud. */
export interface GoogleCredentials {
  readonly tokens: Tokens
  /** Finds out who asks. Throws what google-auth-library says where nobody is named. */
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
  /** The project that is named; `null`: it is looked for, by a run of gcloud and a call to the metadata server. */
  readonly projectId: string | null
}

/** Loads google-auth-library. Fetches nothing yet. */
export async function googleCredentials(
  { universe, projectId }: CredentialsSettings,
  load: (() => Promise<unknown>) | null,
): Promise<GoogleCredentials> {
  const { GoogleAuth } = await loadLibrary(load)
  const auth = new GoogleAuth({ scopes: SCOPES, ...(projectId !== null && { projectId }) })
  // A key file signs its tokens itself, and need not ask for them.
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
    // Written out and inside the try, so that a bundler finds it, and does without it where it is not installed.
    loaded = load === null ? await import('google-auth-library') : await load()
  } catch (cause) {
    throw storeRefusal(loadFailure(AUTH, 'datastoreStore()', cause), cause)
  }
  const library = (loaded as { default?: Library }).default ?? (loaded as Library)
  if (typeof library.GoogleAuth === 'function') return library
  throw storeRefusal(`this ${AUTH} has no GoogleAuth: install version 9 or newer`)
}

/** A token for one universe must not be sent to another. */
async function checkUniverse(
  universe: string,
  auth: GoogleAuth,
  client: AuthClient,
): Promise<void> {
  // The machine's own account knows its universe only by asking for it.
  if ((client.universeDomain ?? universe) === universe) return
  const found = await auth.getUniverseDomain()
  if (found === universe) return
  throw storeRefusal(
    `the credentials are of the universe ${found}, but calls go to ${universe}: set GOOGLE_CLOUD_UNIVERSE_DOMAIN to that of the credentials`,
  )
}

/** Of version 10 on a `Headers`, before that an object. */
function textsOf(headers: Headers | Readonly<Record<string, string>>): CallHeaders {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers)
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]))
}

function expiryOf({ credentials }: AuthClient, { authorization = '' }: CallHeaders): number {
  // What a key file signs itself says so in the token alone.
  return expiryIn(authorization) ?? credentials?.expiry_date ?? Date.now() + UNKNOWN_EXPIRY
}

/** When a JSON web token expires; `null` for any other. */
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

/** Nothing was sent. What is said of it is what the one says who was asked, without what he quotes. */
function tokenFailure(failure: unknown): unknown {
  const cause = withoutQuotes(failure)
  const said = cause instanceof Error ? cause.message : String(cause)
  const [reason = ''] = said.split('\n')
  return passingTrouble(
    `no call to Datastore is sent, since ${tokenProblem(said)} (${reason.slice(0, 200)})`,
    cause,
  )
}
