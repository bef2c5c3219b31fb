import { SessionConfigError } from '../base/errors.ts'
import type { RandomBytes } from '../record/id.ts'
import { type KnownKey, keysFrom, openBody, sealBody, sealedLength } from '../record/seal.ts'

/** What every sealed text begins with: it names this one way of sealing, and nothing in a cookie can choose another. */
const FORMAT = '1'

const USE = 'viur-session: cookie'

const SEALED = /^1\.([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.([A-Za-z0-9_-]{43,})$/

/** Seals texts for cookies: `1.KEY.BYTES`, all of them characters that a cookie takes as they are. */
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
        throw new SessionConfigError(`keys has one key under two ids, ${twin.id} and ${id}`)
      }
    }
    this.#keys = known
    this.#newest = known[0]
    this.#randomBytes = randomBytes
  }

  /** `about`: what it is sealed for; it opens for nothing else. */
  seal(text: string, about: string): string {
    const { id, secret } = this.#newest
    const body = sealBody(text, secret, sealedFor(id, about), this.#randomBytes)
    return `${FORMAT}.${id}.${body}`
  }

  /** How many characters {@link seal} makes of a text of so many bytes. */
  sealedLength(bytes: number): number {
    return FORMAT.length + 1 + this.#newest.id.length + 1 + sealedLength(bytes)
  }

  /** `null` for what was not sealed by one of the keys, or for something else. `outdated`: by an older one. */
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
