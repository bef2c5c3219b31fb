import { hash } from 'node:crypto'
import { SessionStoreError } from '../base/errors.ts'
import type { Settings } from '../options.ts'
import type { Note, SessionRecord } from '../store/store.ts'
import type { Limit } from '../store/budget.ts'
import { retried } from '../write/retry.ts'

/** The fence notes of users. Their names go on in hex digits. */
export const FENCES = 'fence:'

/** The fence note of everybody. */
export const FENCE_OF_ALL = 'fence-all'

/** How old the number of everybody may be that a process goes by, in milliseconds. */
const ALL_IS_KNOWN_FOR = 60_000

/** How long after a kill is closed its note stays, in milliseconds: until then a login can tell that it rose. */
export const FENCE_STAYS: number = 60 * 60 * 1000

/**
 * The numbers that a login found when it was called. A kill raises the number before it ends the first session, so a
 * login that was called before it can tell by the number, and no two clocks are ever compared.
 */
export interface Fence {
  /** That of the user. */
  readonly user: number
  /** That of everybody. */
  readonly all: number
  /** When they were read, in milliseconds. */
  readonly read: number
}

type FenceSettings = Pick<Settings, 'store' | 'now' | 'sleep' | 'retries'>

/** Under which name the number of a user is kept: a hash, since a user can be any text. */
export function fenceName(user: string): string {
  return `${FENCES}${hash('sha256', user, 'hex')}`
}

/** The number in a fence note; 0 where there is none. Throws for a note that cannot be read: nobody could be fenced. */
export function numberIn(note: Note | null): number {
  if (note === null) return 0
  const { number } = (note.value ?? {}) as { number?: unknown }
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  throw new SessionStoreError(
    `the note ${note.name} of a kill is damaged, or of a later release: finish the rollout, or delete it`,
    { effect: 'none', retryable: false },
  )
}

/** What of a fence goes into the record of a login. */
export function fenceOf({ user, all }: Fence): Pick<SessionRecord, 'fence' | 'fenceAll'> {
  return { ...(user > 0 && { fence: user }), ...(all > 0 && { fenceAll: all }) }
}

/** Reads the numbers that kills raise: that of a user at every login twice, that of everybody at most once a minute. */
export class Fences {
  readonly #settings: FenceSettings
  #all: { readonly number: number; readonly read: number } | null = null
  #asking: Promise<number> | null = null

  constructor(settings: FenceSettings) {
    this.#settings = settings
  }

  /** The numbers now; what a login goes by. `limit`: how long whoever asks waits for the store. */
  async read(user: string, limit: Limit): Promise<Fence> {
    const read = this.#settings.now()
    const [own, all] = await Promise.all([
      this.#numberOf(fenceName(user), limit),
      this.#numberOfAll(limit),
    ])
    return { user: own, all, read }
  }

  /** Whether a kill has begun since these numbers were read. Asked once the login is stored. */
  async hasRisen(user: string, fence: Fence, limit: Limit): Promise<boolean> {
    const now = await this.read(user, limit)
    // The note of a kill that came between may be gone by now, so nobody can tell.
    if (now.read - fence.read > FENCE_STAYS / 2) return true
    return now.user > fence.user || now.all > fence.all
  }

  /** Takes note of a number of everybody that this process has raised. */
  raisedAll(number: number): void {
    this.#all = { number, read: this.#settings.now() }
  }

  async #numberOfAll(limit: Limit): Promise<number> {
    const known = this.#all
    const now = this.#settings.now()
    // The clock of a test may go back.
    if (known !== null && Math.abs(now - known.read) < ALL_IS_KNOWN_FOR) return known.number
    this.#asking ??= this.#askForAll(now, limit).finally(() => {
      this.#asking = null
    })
    return await this.#asking
  }

  async #askForAll(read: number, limit: Limit): Promise<number> {
    const number = await this.#numberOf(FENCE_OF_ALL, limit)
    // An answer that is older than what this process has raised meanwhile says nothing.
    if (this.#all === null || this.#all.number <= number) this.#all = { number, read }
    return this.#all.number
  }

  async #numberOf(name: string, limit: Limit): Promise<number> {
    const { store } = this.#settings
    const ask = (deadline: number): Promise<Note | null> => store.notes.get(name, { deadline })
    return numberIn(await retried(this.#settings, ask, limit))
  }
}
