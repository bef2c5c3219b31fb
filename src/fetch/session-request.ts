import { isPassedOn } from '../node/request/proxy-signs.ts'
import { isLoopback } from '../node/request/session-request.ts'
import { idIn } from '../node/request/id-transport.ts'
import type { SessionRequest } from '../request/open.ts'
import type { FetchSettings } from './options.ts'

/** The facts of a request that a session needs, read only when needed. */
class FetchRequestFacts implements SessionRequest {
  readonly #request: Request
  readonly #settings: FetchSettings

  constructor(request: Request, settings: FetchSettings) {
    this.#request = request
    this.#settings = settings
  }

  get secure(): boolean {
    const { url, headers } = this.#request
    const forwarded = this.#settings.hops > 0 ? headers.get('x-forwarded-proto') : null
    // The first value, as Express reads it: the protocol between the client and the outermost proxy.
    if (forwarded !== null) return forwarded.split(',', 1)[0]?.trim().toLowerCase() === 'https'
    return url.startsWith('https:')
  }

  get loopback(): boolean {
    if (!isLoopback(this.#settings.address)) return false
    return !isPassedOn({ rawHeaders: [...this.#request.headers].flat() })
  }

  // Undefined for a request that becomes a WebSocket: it must not start from a cached, stale record.
  get method(): string | undefined {
    const { method, headers } = this.#request
    return headers.has('upgrade') ? undefined : method
  }

  get forwardedHost(): string | undefined {
    return this.#request.headers.get('x-forwarded-host') ?? undefined
  }

  get userAgent(): string | undefined {
    return this.#request.headers.get('user-agent') ?? undefined
  }

  get ip(): string | undefined {
    const { hops, address } = this.#settings
    if (hops === 0) return address
    // The nearest proxy added the last entry; each earlier entry is the client of the next proxy.
    const passed = (this.#request.headers.get('x-forwarded-for') ?? '').split(',')
    const known = passed.map((one) => one.trim()).filter((one) => one !== '')
    return known.at(-Math.min(hops, known.length)) ?? address
  }
}

class FetchSessionRequest extends FetchRequestFacts {
  readonly cookie: string | undefined

  constructor(request: Request, settings: FetchSettings) {
    super(request, settings)
    this.cookie = request.headers.get('cookie') ?? undefined
  }
}

class FetchRequestById extends FetchRequestFacts {
  readonly id: string | undefined

  constructor(request: Request, settings: FetchSettings, id: string | undefined) {
    super(request, settings)
    this.id = id
  }
}

export function sessionRequestFrom(request: Request, settings: FetchSettings): SessionRequest {
  const { ids } = settings
  if (ids === null) return new FetchSessionRequest(request, settings)
  return new FetchRequestById(request, settings, idIn(request, ids))
}
