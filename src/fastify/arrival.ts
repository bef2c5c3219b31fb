import type { FastifyRequest } from 'fastify'
import { idIn } from '../node/request/id-transport.ts'
import {
  type AnyRequest,
  requestById,
  sessionRequestFrom,
  type TrustedProxies,
} from '../node/request/session-request.ts'
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
  const raw: AnyRequest = request.raw
  const arrival = new FastifyArrival(request)
  if (ids === null) return sessionRequestFrom(raw, arrival)
  return requestById(raw, idIn(request, ids), arrival)
}
