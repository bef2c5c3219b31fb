import { SessionConfigError } from '../base/errors.ts'
import { sign, unsign } from '../base/signature.ts'
import { asSessionId, type SessionId } from '../record/id.ts'
import { decode } from './cookie-values.ts'

const MIN_SECRET_BYTES = 32

/** The content of a cookie's value: in most deployments an id, signed or not. */
export interface CookieValues {
  /**
   * Returns the session that the value names; `null`: none. `outdated`: the cookie has to be sent again. `name`: that
   * of the cookie.
   */
  read(value: string, name: string): { readonly id: SessionId; readonly outdated: boolean } | null
  /** Returns the value that names this session. */
  write(id: SessionId, name: string): string
}

/** Plain ids, or ids signed in the format of cookie-parser where there are secrets. The newest secret comes first. */
export class CookieIds implements CookieValues {
  readonly #secrets: readonly string[]

  /** Throws `SessionConfigError` for secrets that are invalid or easy to guess. */
  constructor(secrets: unknown) {
    this.#secrets = checkedSecrets(secrets)
  }

  /** Whether there are secrets. */
  get areSigned(): boolean {
    return this.#secrets.length > 0
  }

  read(value: string): { id: SessionId; outdated: boolean } | null {
    if (this.#secrets.length === 0) {
      const id = asSessionId(value)
      return id === null ? null : { id, outdated: false }
    }
    // Longer than any signed id, even with every character escaped: no signature has to be computed.
    if (value.length > 300) return null
    const text = decode(value)
    if (!text.startsWith('s:')) return null
    for (const [index, secret] of this.#secrets.entries()) {
      const verified = unsign(text.slice(2), secret)
      const id = verified === null ? null : asSessionId(verified)
      if (id !== null) return { id, outdated: index > 0 }
    }
    return null
  }

  write(id: SessionId): string {
    const [secret] = this.#secrets
    return secret === undefined ? id : `s:${sign(id, secret)}`
  }
}

function checkedSecrets(secrets: unknown): readonly string[] {
  if (secrets === undefined) return []
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw new SessionConfigError(
      'cookie.secrets must be an array of at least one text: leave it out for an unsigned cookie',
    )
  }
  for (const [index, secret] of secrets.entries()) {
    if (typeof secret !== 'string' || Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
      throw new SessionConfigError(
        `cookie.secrets[${index}] must be a text of at least ${MIN_SECRET_BYTES} bytes`,
      )
    }
    if (new Set(secret).size < 5) {
      throw new SessionConfigError(`cookie.secrets[${index}] is too easy to guess: use random text`)
    }
    if (secrets.indexOf(secret) !== index)
      throw new SessionConfigError(`cookie.secrets[${index}] appears twice`)
  }
  return [...secrets]
}
