import type { Session } from '../../request/session.ts'
import type { Sessions } from '../../sessions-interface.ts'

/** What a page of the contract answers. */
export interface AdapterAnswer {
  /** The status code. */
  readonly status: number
  /** May name a header more than once, as `Set-Cookie` is. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** A text, nothing, or pieces: to be sent as they come. */
  readonly body: string | null | AsyncIterable<Uint8Array>
}

/** The options `id` and `onId` of an adapter, for clients without cookies: they know requests and responses of all kinds. */
export interface AdapterIds {
  /** What the client sent in the header `X-Session-Id`. */
  id?(request: { readonly headers: object }): string | undefined
  /** Sets that header on a response: with the new value, or empty where the client has to drop the one that it has. */
  onId?(response: object, id: string | null): void
}

/** The app that a harness serves. */
export interface AdapterApp {
  /** For the adapter. */
  readonly sessions: Sessions
  /** How many proxies the adapter is to trust. */
  readonly trustProxy: 0 | 1
  /** What the adapter takes as its options `id` and `onId`; empty in most cases. */
  readonly ids: AdapterIds
  /** The pages that there are, for frameworks that want each by its name. All answer to GET, HEAD and POST. */
  readonly paths: readonly string[]
  /**
   * What a page does and answers. `session`: the one that the adapter gave the request; `url`: that of the request, from
   * the path on. It rejects where a page fails: that is for the framework to answer, so do not catch it.
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

/** Reads what {@link count} has counted. */
export const visits: AdapterPage = (session) =>
  answer(String((session.get('visits') as number | undefined) ?? 'none'))

export const who: AdapterPage = (session) => answer(session.user)

/** Does not look at the session. */
export const plain: AdapterPage = () => answer('plain')
