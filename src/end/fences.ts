import { hash } from 'node:crypto'
import { storeRefusal } from '../base/store-errors.ts'
import type { EndSettings } from './settings.ts'
import type { Note, NoteStore } from '../store/store.ts'
import type { SessionRecord } from '../record/record.ts'
import type { Limit } from '../store/budget.ts'
import { LONG_WORK, retried } from '../write/retry.ts'

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

type FenceSettings = Pick<EndSettings, 'store' | 'now' | 'sleep' | 'retries'>

/** Under which name the number of a user is kept: a hash, since a user can be any text. */
export function fenceName(user: string): string {
  return `${FENCES}${hash('sha256', user, 'hex')}`
}

/** The number in a fence note; 0 where there is none. Throws for a note that cannot be read: nobody could be fenced. */
export function numberIn(note: Note | null): number {
  if (note === null) return 0
  const { number } = (note.value ?? {}) as { number?: unknown }
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  throw storeRefusal(
    `the note ${note.name} of a kill is damaged, or of a later release: finish the rollout, or delete it`,
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

  /** The numbers now, by one call; what a login goes by. `limit`: how long whoever asks waits for the store. */
  async read(user: string, limit: Limit): Promise<Fence> {
    const read = this.#settings.now()
    const name = fenceName(user)
    const known = this.#allKnownAt(read)
    if (known !== null) {
      const [own = 0] = await this.#numbersOf([name], limit)
      return { user: own, all: known, read }
    }
    const asking = this.#asking
    if (asking !== null) {
      const [[own = 0], all] = await Promise.all([
        this.#numbersOf([name], limit),
        limit.wait(() => asking, 'none'),
      ])
      return { user: own, all, read }
    }
    // Not begun by whoever has no time left: nobody would hear of a failure.
    const [[own = 0], all] = await limit.wait(() => this.#askForBoth(name, read), 'none')
    return { user: own, all, read }
  }

  /** Others join it, so it has not only the time that whoever begins it has left. */
  #askForBoth(name: string, read: number): Promise<[readonly number[], number]> {
    const both = this.#numbersOf([name, FENCE_OF_ALL], LONG_WORK)
    const all = both
      .then(([, number = 0]) => this.#learnAll(number, read))
      .finally(() => {
        this.#asking = null
      })
    this.#asking = all
    return Promise.all([both, all])
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

  #allKnownAt(now: number): number | null {
    const known = this.#all
    // The clock of a test may go back.
    return known !== null && Math.abs(now - known.read) < ALL_IS_KNOWN_FOR ? known.number : null
  }

  #learnAll(number: number, read: number): number {
    // An answer that is older than what this process has raised meanwhile says nothing.
    if (this.#all === null || this.#all.number <= number) this.#all = { number, read }
    return this.#all.number
  }

  async #numbersOf(names: readonly string[], limit: Limit): Promise<readonly number[]> {
    const { notes } = this.#settings.store
    const ask = (deadline: number): Promise<readonly (Note | null)[]> => {
      const get = (name: string): Promise<Note | null> => notes.get(name, { deadline })
      return names.length > 1 && notes.getMany !== undefined
        ? notes.getMany(names, { deadline })
        : Promise.all(names.map(get))
    }
    return (await retried(this.#settings, ask, limit)).map(numberIn)
  }
}

/** How many notes are listed in one call. */
const PAGE = 500

const DIGITS = [...'0123456789abcdef']

/** Every fence note there is. Notes have no pages, so where there are many they are asked for digit by digit. */
export async function listFenceNotes(notes: NoteStore): Promise<Note[]> {
  const all = await notes.get(FENCE_OF_ALL)
  return [...(all === null ? [] : [all]), ...(await listNotesBelow(notes, FENCES))]
}

/** A few fence notes of users, those whose names follow one digit drawn at random (0 to 15). */
export async function someFenceNotes(
  notes: NoteStore,
  digit: number,
  limit: number,
): Promise<readonly Note[]> {
  return await notes.list(`${FENCES}${DIGITS[digit]}`, limit)
}

/** Every note whose name is this and hex digits. */
export async function listNotesBelow(notes: NoteStore, prefix: string): Promise<readonly Note[]> {
  const found = await notes.list(prefix, PAGE)
  if (found.length < PAGE) return found
  const parts: Note[] = []
  for (const digit of DIGITS) parts.push(...(await listNotesBelow(notes, `${prefix}${digit}`)))
  return parts
}
