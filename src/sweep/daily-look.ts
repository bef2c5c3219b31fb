import { googleCloudSign } from '../google/platform.ts'

const MINUTE = 60_000

/** The age at which a process checks for the first time, in milliseconds: many processes live for one request only. */
const FIRST_AFTER = 10 * MINUTE

/** The time until the next check after one that failed, in milliseconds. */
const AGAIN_AFTER = 60 * MINUTE

/** The longest time for which a response waits for the check, in milliseconds. */
const HELD = 1000

/**
 * Checks once a day, beside a request that writes, whether the sweep works. Where no cron job was ever set up, nothing
 * else checks it.
 */
export class DailyLook {
  readonly #look: () => Promise<number>
  readonly #elapsed: () => number
  #due: number

  /** `look`: returns the milliseconds until its next call. `elapsed`: a monotonic clock. */
  constructor(look: () => Promise<number>, elapsed: () => number = () => performance.now()) {
    this.#look = look
    this.#elapsed = elapsed
    this.#due = elapsed() + FIRST_AFTER
  }

  /** Returns a promise that the response has to wait for, or `null`. */
  maybe(): Promise<void> | null {
    const now = this.#elapsed()
    if (now < this.#due) return null
    this.#due = now + AGAIN_AFTER
    const looked = this.#look().then(
      (next) => {
        this.#due = now + next
      },
      // Other uses of the store report such errors.
      () => {},
    )
    // App Engine and Cloud Run withdraw the processor once the response has left.
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
