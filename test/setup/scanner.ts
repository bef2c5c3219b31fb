/** A secret was found: the place, but never the secret itself. */
export interface Leak {
  readonly where: string
  readonly what: string
}

const ID = /[\w-]{43,}/g

const LENGTH = 43

/** Returns the drawn ids and keys that a sequence of characters contains. */
function drawnIn(run: string, drawn: ReadonlySet<string>): string[] {
  // Chooses the cheaper way: search each secret in the sequence, or look up each part of it among the secrets.
  if (run.length - LENGTH > drawn.size) return [...drawn].filter((secret) => run.includes(secret))
  const found: string[] = []
  for (let start = 0; start + LENGTH <= run.length; start++) {
    const part = run.slice(start, start + LENGTH)
    if (drawn.has(part)) found.push(part)
  }
  return found
}

/** Remembers the secrets that were drawn, and finds them in texts. */
export class Scanner {
  readonly #drawn = new Set<string>()
  readonly #phrases = new Set<string>()
  #leaks: Leak[] = []
  /** While true, the console prints nothing; for a test that logs a secret on purpose. */
  muted = false
  #scanned = 0

  /** The number of texts that were scanned. */
  get scanned(): number {
    return this.#scanned
  }

  /** Registers 32 random bytes: an id or a security key. */
  drawn(bytes: Uint8Array): void {
    this.#drawn.add(Buffer.from(bytes).toString('base64url'))
  }

  /** Registers a secret that signs cookies. */
  phrase(secret: string): void {
    this.#phrases.add(secret)
  }

  scan(where: string, text: string): void {
    this.#scanned += 1
    // Most texts are short, and most test files draw no secrets.
    if (text.length >= LENGTH && this.#drawn.size > 0) {
      for (const [run] of text.matchAll(ID)) {
        for (const _ of drawnIn(run, this.#drawn))
          this.#leaks.push({ where, what: 'an id or a security key' })
      }
    }
    for (const phrase of this.#phrases) {
      if (text.includes(phrase)) this.#leaks.push({ where, what: 'a secret for cookies' })
    }
  }

  /** Returns the findings since the last call. */
  take(): Leak[] {
    return this.#leaks.splice(0)
  }
}

/** The scanner of the test file. */
export const scanner: Scanner = new Scanner()
