import { hash } from 'node:crypto'
import { LEEWAY } from '../record/expiry.ts'
import { FENCE_STAYS, numberIn } from './fences.ts'
import { HeldNote } from './held-note.ts'
import type { Note, NoteStore } from '../store/store.ts'
import type { SessionRecord } from '../record/record.ts'

/** A kill of many sessions, stored before the first session ends, so that a crash cannot leave it half done. */
export interface Intent {
  readonly v: 1
  /** The user whose sessions end; `null`: all users. */
  readonly user: string | null
  /** When the kill began, in milliseconds. The sessions of guests that began after this are not part of it. */
  readonly cut: number
  /**
   * The number to which the kill raised the fence: sessions with a lower number are part of it. Absent: the cut
   * decides.
   */
  readonly number?: number
  /** The excepted session is spared if it has at least this number; with a lower one it is part of an earlier kill. */
  readonly floor?: number
  readonly except: string | null
  /** When the excepted session began, [created, authenticated]: it stays excepted after its key was cycled. */
  readonly exceptBegan?: readonly [number, number | null] | null
  /** Identifies the login of an excepted session behind a fence: see {@link loginOf}. */
  readonly exceptLogin?: string | null
  /** A time at which the intent was certainly stored, in milliseconds; absent: the cut. */
  since?: number
  /** Where the present pass continues; `null`: at the first page. */
  cursor: string | null
  /** Whether the present pass began late enough to be the last look. */
  late?: boolean
  /** The number of living sessions that the present pass has found. */
  met: number
  /** The number of pages that the present pass has read. */
  pages?: number
  /** Whether the previous pass has found no living session. */
  calm?: boolean
  /** Whether a pass has found no living session. */
  over: boolean
}

/** A stored kill, held at the version at which it was read or written. */
export interface HeldIntent {
  readonly intent: Intent
  /** Stores its progress; `false` when another process has written meanwhile. */
  save(): Promise<boolean>
  /** Records that nothing is left to do. */
  close(now: number): Promise<unknown>
}

/** The time from the start of a kill to its last look, in milliseconds. It finds logins whose process has crashed. */
export const LAST_LOOK_AFTER: number = LEEWAY

const PREFIX = 'intent:'

/** Returns the name of an intent. Notes are listed in the order of their names, so the oldest comes first. */
export function intentName(now: number, random: string): string {
  return `${PREFIX}${now.toString(36).padStart(11, '0')}-${random}`
}

/** Lists the oldest intents that are not in fence notes. Intents that cannot be read are reported and stay stored. */
export async function listIntents(
  notes: NoteStore,
  limit: number,
  report: (name: string) => void,
): Promise<HeldIntent[]> {
  const intents: HeldIntent[] = []
  for (const note of await notes.list(PREFIX, limit)) {
    const intent = intentOf(note.value)
    if (intent === null) report(note.name)
    else intents.push(intentIn(new HeldNote(notes, note.name, note.version), intent))
  }
  return intents
}

/** An intent in a separate note: a kill of guests, or one by a release without fences. */
export function intentIn(note: HeldNote, intent: Intent): HeldIntent {
  return { intent, save: () => note.put(intent), close: () => note.delete() }
}

/** The content of a fence note: the number, and the kill that raised it, as long as this kill is open. */
interface FenceValue {
  readonly v: 1
  readonly number: number
  readonly kill: Intent | null
  /** When the last kill was closed; `null` while it is open. */
  readonly closed: number | null
}

/**
 * An intent in the note of the fence that it raised. After a later kill of the same user it is not saved any more: that
 * kill includes the sessions of this one.
 */
function intentInFence(note: HeldNote, intent: Intent, number: number): HeldIntent {
  const put = (kill: Intent | null, closed: number | null): Promise<boolean> =>
    note.put({ v: 1, number, kill, closed } satisfies FenceValue)
  return {
    intent,
    save: () => put(intent, null),
    // Removes the kill; the number stays for a while: see `isOutdated()`.
    close: (now) => put(null, now),
  }
}

/** Returns the open kill of this fence note; `null` for none. Throws for a note that cannot be read. */
export function openKillIn(notes: NoteStore, note: Note): HeldIntent | null {
  const number = numberIn(note)
  const kill = killIn(note)
  if (kill === null) return null
  return intentInFence(new HeldNote(notes, note.name, note.version), kill, number)
}

/** Whether the note of a fence can be deleted. A new note starts with the clock's time, so its number is not lower. */
export function isOutdated(note: Note, now: number): boolean {
  const { closed = null } = (note.value ?? {}) as { closed?: unknown }
  return typeof closed === 'number' && now > Math.max(closed, numberIn(note)) + FENCE_STAYS
}

/**
 * Raises a fence above its number and stores the kill, in one conditional write. Returns `null` if another process
 * wrote meanwhile. The new kill replaces an open one, and includes all of its sessions except those that both spare.
 */
export async function raiseFence(
  notes: NoteStore,
  name: string,
  kill: Pick<Intent, 'user' | 'except' | 'exceptLogin'>,
  now: number,
): Promise<{ readonly held: HeldIntent; readonly number: number } | null> {
  const note = await notes.get(name)
  const before = numberIn(note)
  const open = note === null ? null : killIn(note)
  const number = Math.max(before + 1, now)
  const intent: Intent = {
    v: 1,
    ...kill,
    // An open kill of all users includes the guests that began before its cut.
    cut: kill.user === null && open !== null ? Math.max(open.cut, now) : now,
    number,
    floor: open === null ? 0 : sparesSame(open, kill) ? (open.floor ?? 0) : before,
    cursor: null,
    met: 0,
    over: false,
  }
  const held = intentInFence(new HeldNote(notes, name, note?.version ?? null), intent, number)
  return (await held.save()) ? { held, number } : null
}

function killIn(note: Note): Intent | null {
  const { kill = null } = (note.value ?? {}) as { kill?: unknown }
  return kill === null ? null : intentOf(kill)
}

function sparesSame(
  open: Pick<Intent, 'except' | 'exceptLogin'>,
  { except, exceptLogin }: Pick<Intent, 'except' | 'exceptLogin'>,
): boolean {
  if (except === null) return false
  return open.except === except || (exceptLogin != null && open.exceptLogin === exceptLogin)
}

/**
 * Returns a text that identifies a login, even after its key was cycled, and contains no secret. `null` for a session
 * without a static key: by times alone, two logins within one millisecond would look the same.
 */
export function loginOf({ created, authenticated, staticKey }: SessionRecord): string | null {
  if (staticKey == null) return null
  return hash('sha256', JSON.stringify([created, authenticated, staticKey]), 'base64url')
}

/** Whether the kill of a user excepts this session. */
export function isExcepted(record: SessionRecord, intent: Intent): boolean {
  const { except, exceptLogin = null, floor = 0 } = intent
  return (
    except !== null &&
    record.user === intent.user &&
    (record.fence ?? 0) >= floor &&
    (record.key === except || (exceptLogin !== null && loginOf(record) === exceptLogin))
  )
}

/**
 * Whether the kill has something left to do at this time. A kill that is over still needs a last look, one leeway
 * after its start: after the last pass a login may have been stored whose process crashed before it could end itself.
 */
export function isDue({ over, cut, since = cut }: Intent, now: number): boolean {
  return !over || now > since + LAST_LOOK_AFTER
}

function intentOf(value: unknown): Intent | null {
  const { v, user, cut, except, cursor, met, over } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Record<string, unknown>
  const isText = (text: unknown): boolean => text === null || typeof text === 'string'
  return v === 1 &&
    isText(user) &&
    isText(except) &&
    isText(cursor) &&
    typeof cut === 'number' &&
    typeof met === 'number' &&
    typeof over === 'boolean'
    ? ({ ...(value as object) } as Intent)
    : null
}
