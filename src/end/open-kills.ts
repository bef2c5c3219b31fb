import { randomInt } from 'node:crypto'
import { sideBySide } from '../base/parallel.ts'
import type { Note } from '../store/store.ts'
import { listFenceNotes, someFenceNotes } from './fences.ts'
import { type HeldIntent, isDue, isOutdated, listIntents, openKillIn } from './kill-intents.ts'
import { type Problems, sayingOf } from './problems.ts'
import type { EndSettings } from './settings.ts'

/** The number of intents that a run reads. */
const MAX_INTENTS = 500

/** The number of other fence notes that a kill reads. */
const FEW = 5

type OpenKillSettings = Pick<EndSettings, 'store' | 'now'>

/** Returns the kills that have something left to do. Kills that cannot be read are noted, and left alone. */
export async function openKills(
  settings: OpenKillSettings,
  problems: Problems,
): Promise<HeldIntent[]> {
  const { notes } = settings.store
  const intents = await listIntents(notes, MAX_INTENTS, (note) => noteUnreadable(problems, note))
  const due = intents.filter(({ intent }) => isDue(intent, settings.now()))
  return [...due, ...(await dueOf(await listFenceNotes(notes), settings, problems))]
}

/**
 * Returns a few earlier kills of single users that wait for their last look, so that notes do not pile up where nobody
 * sweeps.
 */
export async function someLastLooks(
  settings: OpenKillSettings,
  problems: Problems,
): Promise<HeldIntent[]> {
  const notes = await someFenceNotes(settings.store.notes, randomInt(16), FEW)
  const due = await dueOf(notes, settings, problems)
  return due.filter(({ intent }) => intent.over)
}

/** Returns the kills in fence notes that have something left to do. Deletes notes that are no longer needed. */
async function dueOf(
  notes: readonly Note[],
  { store, now }: OpenKillSettings,
  problems: Problems,
): Promise<HeldIntent[]> {
  const due: HeldIntent[] = []
  const outdated: Note[] = []
  for (const note of notes) {
    try {
      const held = openKillIn(store.notes, note)
      if (held !== null && isDue(held.intent, now())) due.push(held)
      else if (held === null && isOutdated(note, now())) outdated.push(note)
    } catch {
      noteUnreadable(problems, note.name)
    }
  }
  await sideBySide(outdated, 10, ({ name, version }) => store.notes.delete(name, version))
  return due
}

/**
 * Notes a kill that could not be finished, or could not have its last look: one log line for each reason, however many
 * kills it delays.
 */
export function noteOpen(problems: Problems, error: unknown): void {
  const reason = sayingOf(error)
  problems.note({
    message: 'a kill could not be finished yet; the next sweep tries again',
    of: reason,
    example: { error: reason },
  })
}

function noteUnreadable(problems: Problems, note: string): void {
  problems.note({
    message: 'an intent of a kill cannot be read and is left alone',
    of: 'kills',
    example: { note },
  })
}
