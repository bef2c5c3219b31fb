/** Somebody said a secret: where, and never which. */
export interface Leak {
  readonly where: string
  readonly what: string
}

const ID = /[\w-]{43,}/g

/** Every part of a longer text that could be an id or a key of 32 bytes. */
function* candidates(text: string): Iterable<string> {
  for (const [run] of text.matchAll(ID)) {
    for (let start = 0; start + 43 <= run.length; start++) yield run.slice(start, start + 43)
  }
}

/** Knows the secrets that were drawn, and finds them in what is said. */
export class Scanner {
  readonly #drawn = new Set<string>()
  readonly #phrases = new Set<string>()
  #leaks: Leak[] = []
  /** While true the console says nothing; for a test that gives it a secret on purpose. */
  muted = false
  #scanned = 0

  /** How many texts were looked at. */
  get scanned(): number {
    return this.#scanned
  }

  /** 32 random bytes: an id, or a security key. */
  drawn(bytes: Uint8Array): void {
    this.#drawn.add(Buffer.from(bytes).toString('base64url'))
  }

  /** A secret that signs cookies. */
  phrase(secret: string): void {
    this.#phrases.add(secret)
  }

  scan(where: string, text: string): void {
    this.#scanned += 1
    for (const candidate of candidates(text)) {
      if (this.#drawn.has(candidate)) this.#leaks.push({ where, what: 'an id or a security key' })
    }
    for (const phrase of this.#phrases) {
      if (text.includes(phrase)) this.#leaks.push({ where, what: 'a secret for cookies' })
    }
  }

  /** What was found since last asked. */
  take(): Leak[] {
    return this.#leaks.splice(0)
  }
}

/** One for each test file. */
export const scanner: Scanner = new Scanner()
