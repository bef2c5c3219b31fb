import { hash } from 'node:crypto'
import { storeRefusal } from '../base/store-errors.ts'
import type { EndSettings } from './settings.ts'
import type { Note, NoteStore } from '../store/store.ts'
import type { SessionRecord } from '../record/record.ts'
import type { Limit } from '../store/budget.ts'
import { LONG_WORK, retried } from '../write/retry.ts'

/** The prefix of the fence notes of users. Hex digits follow it. */
export const FENCES = 'fence:'

/** The name of the fence note for all users. */
export const FENCE_OF_ALL = 'fence-all'

/** How long a process relies on the number for all users, in milliseconds. */
const ALL_IS_KNOWN_FOR = 60_000

/**
 * How long the note of a kill stays after the kill is closed, in milliseconds: until then a login can see that its
 * number rose.
 */
export const FENCE_STAYS: number = 60 * 60 * 1000

/**
 * The numbers that a login read when it was called. A kill raises the number before it ends the first session. So a
 * login that was called earlier can recognise the kill by the number, and clocks of two machines are never compared.
 */
export interface Fence {
  /** The number of the user. */
  readonly user: number
  /** The number for all users. */
  readonly all: number
  /** When the numbers were read, in milliseconds. */
  readonly read: number
}

type FenceSettings = Pick<EndSettings, 'store' | 'now' | 'sleep' | 'retries'>

/** Returns the name of the note with the number of a user: a hash, since a user can be any text. */
export function fenceName(user: string): string {
  return `${FENCES}${hash('sha256', user, 'hex')}`
}

/**
 * Returns the number in a fence note; 0 where there is no note. Throws for a note that cannot be read: ignoring it
 * would leave everybody unfenced.
 */
export function numberIn(note: Note | null): number {
  if (note === null) return 0
  const { number } = (note.value ?? {}) as { number?: unknown }
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  throw storeRefusal(
    `the note ${note.name} of a kill is damaged, or of a later release: finish the rollout, or delete it`,
  )
}

/** The part of a fence that goes into the record of a login. */
export function fenceOf({ user, all }: Fence): Pick<SessionRecord, 'fence' | 'fenceAll'> {
  return { ...(user > 0 && { fence: user }), ...(all > 0 && { fenceAll: all }) }
}

/**
 * Reads the numbers that kills raise: the number of a user twice at every login, the number for all users at most once
 * a minute.
 */
export class Fences {
  readonly #settings: FenceSettings
  #all: { readonly number: number; readonly read: number } | null = null
  #asking: Promise<number> | null = null

  constructor(settings: FenceSettings) {
    this.#settings = settings
  }

  /** Reads the present numbers for a login, by one call. `limit`: how long the caller waits for the store. */
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
    // A caller without time left does not begin the call: nobody would see its failure.
    const [[own = 0], all] = await limit.wait(() => this.#askForBoth(name, read), 'none')
    return { user: own, all, read }
  }

  /** Other callers join this call, so it may take longer than the time that its first caller has left. */
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

  /** Whether a kill has begun since these numbers were read. Called after the login is stored. */
  async hasRisen(user: string, fence: Fence, limit: Limit): Promise<boolean> {
    const now = await this.read(user, limit)
    // The note of a kill in between may be gone by now, so a kill must be assumed.
    if (now.read - fence.read > FENCE_STAYS / 2) return true
    return now.user > fence.user || now.all > fence.all
  }

  /** Records a number for all users that this process has raised. */
  raisedAll(number: number): void {
    this.#all = { number, read: this.#settings.now() }
  }

  #allKnownAt(now: number): number | null {
    const known = this.#all
    // The clock of a test may go backwards.
    return known !== null && Math.abs(now - known.read) < ALL_IS_KNOWN_FOR ? known.number : null
  }

  #learnAll(number: number, read: number): number {
    // An answer is ignored if this process has raised the number meanwhile.
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

/** Lists all fence notes. Notes have no pages, so many notes are listed digit by digit. */
export async function listFenceNotes(notes: NoteStore): Promise<Note[]> {
  const all = await notes.get(FENCE_OF_ALL)
  return [...(all === null ? [] : [all]), ...(await listNotesBelow(notes, FENCES))]
}

/** Lists a few fence notes of users: those whose names begin with this digit (0 to 15, drawn at random). */
export async function someFenceNotes(
  notes: NoteStore,
  digit: number,
  limit: number,
): Promise<readonly Note[]> {
  return await notes.list(`${FENCES}${DIGITS[digit]}`, limit)
}

/** Lists every note whose name consists of this prefix and hex digits. */
export async function listNotesBelow(notes: NoteStore, prefix: string): Promise<readonly Note[]> {
  const found = await notes.list(prefix, PAGE)
  if (found.length < PAGE) return found
  const parts: Note[] = []
  for (const digit of DIGITS) parts.push(...(await listNotesBelow(notes, `${prefix}${digit}`)))
  return parts
}
