import { types } from 'node:util'
import { SessionTooLargeError } from '../base/errors.ts'
import { MAX_PAYLOAD_BYTES } from './limits.ts'

/**
 * How far beyond the limit encoding goes on. What is a little too large is measured exactly when it is stored, and can be
 * made smaller until then; what is hopeless must not hold up everybody else's requests.
 */
const PATIENCE = 4

/**
 * Counts what a value takes while it is encoded, and stops what is hopelessly large by `SessionTooLargeError`. Never
 * counts more than will be written: a text that appears a hundred times is written once.
 */
export class EncodingBudget {
  readonly #what: string
  readonly #limit: number
  #references = 0
  #bytes = 0

  /** `what` is too large, for the error; `limit` in bytes. */
  constructor(what: string, limit: number = MAX_PAYLOAD_BYTES) {
    this.#what = what
    this.#limit = limit
  }

  /** One place where some part stands: a number and a comma at the least. */
  takeReference(): void {
    this.#references += 2
    if (this.#references > this.#limit * PATIENCE) this.#stop(this.#references)
  }

  /** One part, which is written once wherever it stands. */
  takePart(part: unknown): false {
    if (typeof part === 'string') this.#bytes += part.length + 3
    // Sixteen is a base in which V8 is fast.
    else if (typeof part === 'bigint') this.#bytes += part.toString(16).length
    else if (types.isUint8Array(part)) this.#bytes += Math.ceil((part.byteLength * 4) / 3)
    else this.#bytes += 2
    if (this.#bytes > this.#limit * PATIENCE) this.#stop(this.#bytes)
    return false
  }

  #stop(size: number): never {
    throw new SessionTooLargeError(size, this.#limit, this.#what, true)
  }
}
