/** Somebody said a secret: where, and never which. */
export interface Leak {
  readonly where: string
  readonly what: string
}

const ID = /[\w-]{43,}/g

const LENGTH = 43

/** Which of the drawn ids and keys stand in a run of letters that could hold some. */
function drawnIn(run: string, drawn: ReadonlySet<string>): string[] {
  // Whatever is less work: all secrets in the run, or all places of the run among the secrets.
  if (run.length - LENGTH > drawn.size) return [...drawn].filter((secret) => run.includes(secret))
  const found: string[] = []
  for (let start = 0; start + LENGTH <= run.length; start++) {
    const part = run.slice(start, start + LENGTH)
    if (drawn.has(part)) found.push(part)
  }
  return found
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
    // Most of what is said is short, and most test files draw nothing.
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

  /** What was found since last asked. */
  take(): Leak[] {
    return this.#leaks.splice(0)
  }
}

/** One for each test file. */
export const scanner: Scanner = new Scanner()
