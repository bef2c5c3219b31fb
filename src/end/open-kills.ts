import { randomInt } from 'node:crypto'
import { sideBySide } from '../base/parallel.ts'
import type { Note } from '../store/store.ts'
import { listFenceNotes, someFenceNotes } from './fences.ts'
import { type HeldIntent, isDue, isOutdated, listIntents, openKillIn } from './kill-intents.ts'
import { type Problems, sayingOf } from './problems.ts'
import type { EndSettings } from './settings.ts'

/** How many intents a run looks at. */
const MAX_INTENTS = 500

/** How many fence notes of others a kill looks at. */
const FEW = 5

type OpenKillSettings = Pick<EndSettings, 'store' | 'now'>

/** The kills that something is left to do for. Those that cannot be read are noted, and left alone. */
export async function openKills(
  settings: OpenKillSettings,
  problems: Problems,
): Promise<HeldIntent[]> {
  const { notes } = settings.store
  const intents = await listIntents(notes, MAX_INTENTS, (note) => noteUnreadable(problems, note))
  const due = intents.filter(({ intent }) => isDue(intent, settings.now()))
  return [...due, ...(await dueOf(await listFenceNotes(notes), settings, problems))]
}

/** A few earlier kills of one user each that wait for their last look, so that notes do not pile up where nobody sweeps. */
export async function someLastLooks(
  settings: OpenKillSettings,
  problems: Problems,
): Promise<HeldIntent[]> {
  const notes = await someFenceNotes(settings.store.notes, randomInt(16), FEW)
  const due = await dueOf(notes, settings, problems)
  return due.filter(({ intent }) => intent.over)
}

/** The kills in fence notes that something is left to do for. Notes that nobody needs any more are deleted. */
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

/** A kill that could not be finished, or looked at once more: one line for each reason, however many kills it holds up. */
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
