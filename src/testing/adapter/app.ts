import type { Session } from '../../request/session.ts'
import type { Sessions } from '../../sessions-interface.ts'

/** The answer of a page of the contract. */
export interface AdapterAnswer {
  /** The status code. */
  readonly status: number
  /** May contain a header more than once, such as `Set-Cookie`. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** A text, nothing, or pieces, which must be sent as they arrive. */
  readonly body: string | null | AsyncIterable<Uint8Array>
}

/**
 * The options `id` and `onId` of an adapter, for clients without cookies. They work with requests and responses of all
 * kinds.
 */
export interface AdapterIds {
  /** Returns the value that the client sent in the header `X-Session-Id`. */
  id?(request: { readonly headers: object }): string | undefined
  /** Sets that header on a response: the new value, or an empty text when the client must drop its value. */
  onId?(response: object, id: string | null): void
}

/** The app that a harness serves. */
export interface AdapterApp {
  /** The sessions to give to the adapter. */
  readonly sessions: Sessions
  /** The number of proxies that the adapter must trust. */
  readonly trustProxy: 0 | 1
  /** The options `id` and `onId` for the adapter; empty in most cases. */
  readonly ids: AdapterIds
  /** The paths of all pages, for frameworks that need each of them. All answer to GET, HEAD and POST. */
  readonly paths: readonly string[]
  /**
   * Runs a page and returns its answer. `session`: the one that the adapter gave the request; `url`: that of the
   * request, from the path on. It rejects when a page fails. The framework must answer that error, so do not catch it.
   */
  respond(session: object, url: string): Promise<AdapterAnswer>
}

/** One page of a case. */
export type AdapterPage = (session: Session, url: URL) => AdapterAnswer | Promise<AdapterAnswer>

export type AdapterPages = Readonly<Record<string, AdapterPage>>

const HEADER = 'x-session-id'

interface TakesHeaders {
  readonly headers?: { set?(name: string, value: string): unknown }
  header?(name: string, value: string): unknown
  setHeader?(name: string, value: string): unknown
}

export const BY_HEADER: Required<AdapterIds> = {
  id({ headers }) {
    const fields = headers as Headers & Record<string, string | undefined>
    return typeof fields.get === 'function' ? (fields.get(HEADER) ?? undefined) : fields[HEADER]
  },
  onId(response, id) {
    const fields = response as TakesHeaders
    const value = id ?? ''
    if (typeof fields.setHeader === 'function') fields.setHeader(HEADER, value)
    else if (typeof fields.headers?.set === 'function') fields.headers.set(HEADER, value)
    else fields.header?.(HEADER, value)
  },
}

export function appOf(
  { sessions, trustProxy, ids }: Pick<AdapterApp, 'sessions' | 'trustProxy' | 'ids'>,
  pages: AdapterPages,
): AdapterApp {
  return {
    sessions,
    trustProxy,
    ids,
    paths: Object.keys(pages),
    async respond(session, path) {
      const url = new URL(path, 'http://adapter.example')
      if (typeof session !== 'object' || session === null) {
        throw new TypeError(
          `respond() takes the session that the adapter gave the request, not ${typeof session}`,
        )
      }
      const page = pages[url.pathname]
      return page === undefined ? answer('no such page', 404) : page(session as Session, url)
    },
  }
}

export function answer(
  body: AdapterAnswer['body'],
  status = 200,
  headers: AdapterAnswer['headers'] = [],
): AdapterAnswer {
  return { status, headers, body }
}

/** Counts the visits of a session. */
export function count(session: Session): AdapterAnswer {
  const visits = ((session.get('visits') as number | undefined) ?? 0) + 1
  session.set('visits', visits)
  return answer(String(visits))
}

/** Reads the number that {@link count} stored. */
export const visits: AdapterPage = (session) =>
  answer(String((session.get('visits') as number | undefined) ?? 'none'))

export const who: AdapterPage = (session) => answer(session.user)

/** Yields the pieces of a body, one after the other. */
export async function* pieces(
  ...of: (string | (() => Promise<string>))[]
): AsyncGenerator<Uint8Array> {
  for (const piece of of) yield Buffer.from(typeof piece === 'string' ? piece : await piece())
}

/** Redirects, and stores something. */
export const leave: AdapterPage = (session) => {
  session.set('left', true)
  return answer(null, 303, [['Location', '/visits']])
}

export const login: AdapterPage = async (session) => {
  await session.login('alice')
  return answer('in')
}

export const logout: AdapterPage = async (session) => {
  await session.logout()
  return answer('out')
}

/** Does not use the session. */
export const plain: AdapterPage = () => answer('plain')

/** The pages of most cases. */
export const PAGES: AdapterPages = { '/count': count, '/visits': visits, '/plain': plain }
