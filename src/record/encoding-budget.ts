import { types } from '../base/node-builtins.ts'
import { SessionTooLargeError } from '../base/errors.ts'
import { MAX_PAYLOAD_BYTES } from './limits.ts'

/**
 * Encoding stops at this multiple of the limit. A session that is slightly too large is measured exactly when it is
 * stored, and the app can make it smaller until then. A far larger one must not delay other requests.
 */
const PATIENCE = 4

/**
 * Counts the size of values while they are encoded, and throws `SessionTooLargeError` if they are far too large. It
 * never counts more than will be written: a text that appears a hundred times is written once.
 */
export class EncodingBudget {
  readonly #what: string
  readonly #limit: number
  #bytes = 0

  /** `what`: name of the encoded value, for the error. `limit`: in bytes. */
  constructor(what: string, limit: number = MAX_PAYLOAD_BYTES) {
    this.#what = what
    this.#limit = limit
  }

  /** Counts one reference to a part: at least a number and a comma. */
  takeReference(): void {
    this.#take(2)
  }

  /** Counts one part, which is written once even if it appears several times. */
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

/** Returns the smallest encoded size of a part, including its separator. */
function leastSizeOf(part: unknown): number {
  if (typeof part === 'string') return part.length + 3
  if (typeof part === 'number') return String(part).length + 1
  // V8 is fast in base 16.
  if (typeof part === 'bigint') return part.toString(16).length
  if (types.isUint8Array(part)) return Math.ceil((part.byteLength * 4) / 3)
  return 2
}
