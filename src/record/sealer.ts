import { SessionValueError } from '../base/errors.ts'
import { checkFlag, checkOptions, namesOf } from '../base/option-checks.ts'
import type { RandomBytes } from './id.ts'
import { type EncryptionKey, hkdf, type KnownKey, keysFrom, openBody, sealBody } from './seal.ts'
import { isSealed, markedUnopened, sealedParts, sealedText, unopened } from './sealed-text.ts'

export type { EncryptionKey } from './seal.ts'

/** The option `encryption`. */
export interface EncryptionOptions {
  /** The keys, newest first. The first one seals, all of them open. */
  readonly keys: readonly EncryptionKey[]
  /**
   * `false`: sealed sessions are read, but new ones are written in clear text. Use it in the release before the first
   * one that seals, and to remove encryption again. Default `true`.
   */
  readonly seal?: boolean
}

const OPTIONS = namesOf<EncryptionOptions>({ keys: true, seal: true })

const USE = 'viur-session: seal'
const PRINT_BYTES = 6

interface Known extends KnownKey {
  readonly print: string
}

/** A stored text, opened if this process can open it. */
export interface Opened {
  readonly text: string
  /** Whether the text would be written differently now: it is stored in clear text, or sealed with an older key. */
  readonly isOutdated: boolean
}

/**
 * Seals and opens texts with AES-256-GCM. HKDF derives a new key and nonce for each text from the app's key and a
 * random salt. A sealed text is bound to its owner and cannot be opened as that of another. The constructor throws
 * `SessionConfigError` for keys that cannot be used.
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

  /**
   * Seals the text. `about`: the owner of the text. A text that is still sealed, because it was not opened, stays as it
   * is.
   */
  seal(text: string, about: string): string {
    const before = markedUnopened(text)
    if (before !== null) return before
    const by = this.#newest
    if (by === null || isSealed(text)) return text
    if (!text.isWellFormed()) throw new SessionValueError('a session must be well-formed Unicode')
    const body = sealBody(text, by.secret, { use: USE, about }, this.#randomBytes)
    return sealedText({ id: by.id, print: by.print, body })
  }

  /** Opens the text. A text that cannot be opened is returned sealed, so that its reader can report the reason. */
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

/** Adds the fingerprint that distinguishes the key from another one with the same id. */
function printed({ id, secret }: KnownKey): Known {
  const print = hkdf(secret, '', 'viur-session: print of a key', PRINT_BYTES)
  return { id, secret, print: print.toString('base64url') }
}
