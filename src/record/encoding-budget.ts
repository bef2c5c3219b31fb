import { types } from '../base/node-builtins.ts'
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
  #bytes = 0

  /** `what` is too large, for the error; `limit` in bytes. */
  constructor(what: string, limit: number = MAX_PAYLOAD_BYTES) {
    this.#what = what
    this.#limit = limit
  }

  /** One place where some part stands: a number and a comma at the least. */
  takeReference(): void {
    this.#take(2)
  }

  /** One part, which is written once wherever it stands. */
  takePart(part: unknown): false {
    this.#take(leastSizeOf(part))
    return false
  }

  #take(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= this.#limit * PATIENCE) return
    throw new SessionTooLargeError(this.#bytes, this.#limit, this.#what, true)
  }
}

/** What a part takes at the least, with what separates it from the next. */
function leastSizeOf(part: unknown): number {
  if (typeof part === 'string') return part.length + 3
  if (typeof part === 'number') return String(part).length + 1
  // Sixteen is a base in which V8 is fast.
  if (typeof part === 'bigint') return part.toString(16).length
  if (types.isUint8Array(part)) return Math.ceil((part.byteLength * 4) / 3)
  return 2
}
