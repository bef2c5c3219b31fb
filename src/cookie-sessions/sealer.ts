import { SessionConfigError } from '../base/errors.ts'
import type { RandomBytes } from '../record/id.ts'
import { type KnownKey, keysFrom, openBody, sealBody, sealedLength } from '../record/seal.ts'

/**
 * The beginning of every sealed text. It names the only method of encryption, so a cookie cannot choose another one.
 */
const FORMAT = '1'

const USE = 'viur-session: cookie'

const SEALED = /^1\.([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.([A-Za-z0-9_-]{43,})$/

/** Encrypts texts for cookies as `1.KEY.BYTES`; a cookie allows all of these characters. */
export class CookieSealer {
  readonly #keys: readonly KnownKey[]
  readonly #newest: KnownKey
  readonly #randomBytes: RandomBytes

  /** Throws `SessionConfigError` for keys that cannot work. */
  constructor(keys: unknown, randomBytes: RandomBytes) {
    const known = keysFrom('keys', keys)
    for (const [at, { id, secret }] of known.entries()) {
      const twin = known.slice(0, at).find((other) => other.secret.equals(secret))
      if (twin !== undefined) {
        throw new SessionConfigError(`keys has the same key under two ids, ${twin.id} and ${id}`)
      }
    }
    this.#keys = known
    this.#newest = known[0]
    this.#randomBytes = randomBytes
  }

  /** `about`: the purpose of the text. It can be decrypted only for the same purpose. */
  seal(text: string, about: string): string {
    const { id, secret } = this.#newest
    const body = sealBody(text, secret, sealedFor(id, about), this.#randomBytes)
    return `${FORMAT}.${id}.${body}`
  }

  /** Returns the number of characters that {@link seal} makes of a text of this many bytes. */
  sealedLength(bytes: number): number {
    return FORMAT.length + 1 + this.#newest.id.length + 1 + sealedLength(bytes)
  }

  /**
   * Decrypts a text. Returns `null` when it was not encrypted with one of the keys, or for another purpose. `outdated`:
   * it was encrypted with an older key.
   */
  open(
    sealed: string,
    about: string,
  ): { readonly text: string; readonly outdated: boolean } | null {
    const [, id, body] = SEALED.exec(sealed) ?? []
    const by = this.#keys.find((known) => known.id === id)
    if (by === undefined || body === undefined) return null
    const text = openBody(body, by.secret, sealedFor(by.id, about))
    return text === null ? null : { text, outdated: by !== this.#newest }
  }
}

function sealedFor(id: string, about: string): { use: string; about: string } {
  return { use: USE, about: `${FORMAT}\n${id}\n${about}` }
}
