import { SessionValueError } from '../base/errors.ts'
import { checkFlag, checkOptions, namesOf } from '../base/option-checks.ts'
import type { RandomBytes } from './id.ts'
import { type EncryptionKey, hkdf, type KnownKey, keysFrom, openBody, sealBody } from './seal.ts'
import { isSealed, markedUnopened, sealedParts, sealedText, unopened } from './sealed-text.ts'

export type { EncryptionKey } from './seal.ts'

/** The option `encryption`. */
export interface EncryptionOptions {
  /** Newest first: the first one seals, all of them open. */
  readonly keys: readonly EncryptionKey[]
  /**
   * `false`: what is sealed is read, and what is written is not sealed: for the release before the first that seals, and
   * to take encryption away again. Default `true`.
   */
  readonly seal?: boolean
}

const OPTIONS = namesOf<EncryptionOptions>({ keys: true, seal: true })

const USE = 'viur-session: seal'
const PRINT_BYTES = 6

interface Known extends KnownKey {
  readonly print: string
}

/** What was stored, opened as far as this process can. */
export interface Opened {
  readonly text: string
  /** Whether it is stored in another way than it would be now: in clear, or sealed with an older key. */
  readonly isOutdated: boolean
}

/**
 * Seals texts with AES-256-GCM, each under a key and a nonce of its own that HKDF derives from the app's key and a random
 * salt, and bound to what it is about: it opens nowhere else. Throws `SessionConfigError` for keys that cannot work.
 */
export class Sealer {
  readonly #keys: readonly Known[]
  readonly #newest: Known | null
  readonly #randomBytes: RandomBytes

  constructor(options: EncryptionOptions, randomBytes: RandomBytes) {
    checkOptions('encryption', options, OPTIONS)
    const { seal = true } = options
    checkFlag('encryption.seal', seal)
    this.#keys = keysFrom('encryption.keys', options.keys).map(printed)
    this.#newest = seal ? (this.#keys[0] as Known) : null
    this.#randomBytes = randomBytes
  }

  /** `about`: what the text belongs to. What is sealed, and was not opened, stays as it is. */
  seal(text: string, about: string): string {
    const before = markedUnopened(text)
    if (before !== null) return before
    const by = this.#newest
    if (by === null || isSealed(text)) return text
    if (!text.isWellFormed()) throw new SessionValueError('a session must be well-formed Unicode')
    const body = sealBody(text, by.secret, { use: USE, about }, this.#randomBytes)
    return sealedText({ id: by.id, print: by.print, body })
  }

  /** The text as it was before it was sealed. Where it cannot be opened, it tells of that to whoever reads it. */
  open(text: string, about: string): Opened {
    if (!isSealed(text)) return { text, isOutdated: this.#newest !== null }
    const parts = sealedParts(text)
    const by = this.#keys.find(({ id, print }) => id === parts?.id && print === parts.print)
    if (parts === null || by === undefined) return { text, isOutdated: false }
    const plain = openBody(parts.body, by.secret, { use: USE, about })
    return plain === null
      ? { text: unopened(text), isOutdated: false }
      : { text: plain, isOutdated: by !== this.#newest }
  }
}

/** The key with what tells it from another of the same id. */
function printed({ id, secret }: KnownKey): Known {
  const print = hkdf(secret, '', 'viur-session: print of a key', PRINT_BYTES)
  return { id, secret, print: print.toString('base64url') }
}
