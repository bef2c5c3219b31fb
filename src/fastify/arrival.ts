import type { FastifyRequest } from 'fastify'
import { requestFrom } from '../node/request/id-transport.ts'
import type { TrustedProxies } from '../node/request/session-request.ts'
import type { SessionRequest } from '../request/open.ts'
import type { FastifySettings } from './options.ts'

/** Answers from Fastify, by its option `trustProxy`. */
class FastifyArrival implements TrustedProxies {
  readonly #request: FastifyRequest

  constructor(request: FastifyRequest) {
    this.#request = request
  }

  isSecure(): boolean {
    return this.#request.protocol === 'https'
  }

  clientOf(): string | undefined {
    return this.#request.ip
  }
}

/** Makes the session's view of a request. */
export function arrivalOf(request: FastifyRequest, { ids }: FastifySettings): SessionRequest {
  return requestFrom(request.raw, request, ids, new FastifyArrival(request))
}
