import type { Json } from '../json.ts'
import { LEEWAY } from '../session/expiry.ts'
import type { Note, NoteStore, Version } from '../stores/store.ts'

/** A kill of many, written down before the first session ends, so that a crash cannot leave it half done. */
export interface Intent {
  readonly v: 1
  /** `null`: everybody's. */
  readonly user: string | null
  /** Sessions that began after this are not meant, in milliseconds. */
  readonly cut: number
  readonly except: string | null
  /** When the excepted one began, [created, authenticated]: it is still meant after its key was cycled. */
  readonly exceptBegan?: readonly [number, number | null] | null
  /** Where the pass under way goes on. */
  cursor: string | null
  /** Whether the pass under way began late enough to be the last look. */
  late?: boolean
  /** How many sessions the pass under way has met alive. */
  met: number
  /** Whether a pass has met none. */
  over: boolean
}

/** An intent, held at the version it was read or written at. */
export interface HeldIntent {
  readonly name: string
  readonly intent: Intent
  version: Version
}

const PREFIX = 'intent:'

/** The oldest first: a note is listed in the order of its name. */
export function intentName(now: number, random: string): string {
  return `${PREFIX}${now.toString(36).padStart(11, '0')}-${random}`
}

/** The oldest intents; those that can not be read are reported and left alone. */
export async function listIntents(
  notes: NoteStore,
  limit: number,
  report: (name: string) => void,
): Promise<HeldIntent[]> {
  const intents: HeldIntent[] = []
  for (const note of await notes.list(PREFIX, limit)) {
    const intent = intentOf(note)
    if (intent === null) report(note.name)
    else intents.push({ name: note.name, intent, version: note.version })
  }
  return intents
}

/** Writes the intent down as it is now; false when somebody else has written it meanwhile. */
export async function saveIntent(notes: NoteStore, held: HeldIntent): Promise<boolean> {
  const result = await notes.put(held.name, held.intent as unknown as Json, held.version)
  if (result.outcome === 'conflict') return false
  held.version = result.version
  return true
}

/**
 * Whether there is something left to do at this time. What is over waits for a last look, one leeway after the
 * cut: a login that was under way then may have been stored behind the last pass.
 */
export function isDue({ over, cut }: Intent, now: number): boolean {
  return !over || now > cut + LEEWAY
}

function intentOf({ value }: Note): Intent | null {
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
