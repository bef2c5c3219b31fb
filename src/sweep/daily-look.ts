import { googleCloudSign } from '../google/platform.ts'

const MINUTE = 60_000

/** How old a process is before it looks for the first time, in milliseconds: many live for one request. */
const FIRST_AFTER = 10 * MINUTE

/** When it looks again where it could not, in milliseconds. */
const AGAIN_AFTER = 60 * MINUTE

/** How long a response is held back for it, in milliseconds. */
const HELD = 1000

/**
 * Looks once a day whether the sweep is well, beside a request that writes: where no cron job was ever set up, nobody
 * else asks.
 */
export class DailyLook {
  readonly #look: () => Promise<number>
  readonly #elapsed: () => number
  #due: number

  /** `look`: gives in how many milliseconds it is to be called again. `elapsed`: a monotonic clock. */
  constructor(look: () => Promise<number>, elapsed: () => number = () => performance.now()) {
    this.#look = look
    this.#elapsed = elapsed
    this.#due = elapsed() + FIRST_AFTER
  }

  /** Gives what the response has to wait for, if anything. */
  maybe(): Promise<void> | null {
    const now = this.#elapsed()
    if (now < this.#due) return null
    this.#due = now + AGAIN_AFTER
    const looked = this.#look().then(
      (next) => {
        this.#due = now + next
      },
      // Whoever needs the store by then says so.
      () => {},
    )
    // App Engine and Cloud Run take the processor away once the response has left.
    return googleCloudSign(process.env) === null ? null : atMost(looked, HELD)
  }
}

async function atMost(work: Promise<void>, time: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, time)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
