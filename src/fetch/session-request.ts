import { isPassedOn } from '../node/request/proxy-signs.ts'
import { isLoopback } from '../node/request/session-request.ts'
import { idIn } from '../node/request/id-transport.ts'
import type { SessionRequest } from '../request/open.ts'
import type { FetchSettings } from './options.ts'

/** What the session has to know of a request, looked up when it is asked for. */
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
    // The first, as Express reads it: what the client spoke to the outermost proxy.
    if (forwarded !== null) return forwarded.split(',', 1)[0]?.trim().toLowerCase() === 'https'
    return url.startsWith('https:')
  }

  get loopback(): boolean {
    if (!isLoopback(this.#settings.address)) return false
    return !isPassedOn({ rawHeaders: [...this.#request.headers].flat() })
  }

  // What goes on as a WebSocket is not to begin with what is old.
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
    // The nearest last, and before it whoever connected to that one.
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
