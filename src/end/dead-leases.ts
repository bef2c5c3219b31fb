import { sideBySide } from '../base/parallel.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { NoteStore } from '../store/store.ts'
import { hasRunOut, LEASES } from '../write/lease-note.ts'
import { listNotesBelow } from './fences.ts'

/**
 * Deletes the leases that nobody has let go of, as after a crash, and nobody has taken since. Not before a while has passed:
 * whoever held one may still save under it.
 */
export async function removeDeadLeases(notes: NoteStore, now: number): Promise<void> {
  const leases = await listNotesBelow(notes, LEASES)
  const dead = leases.filter((note) => hasRunOut(note, now - LEEWAY))
  await sideBySide(dead, 10, ({ name, version }) => notes.delete(name, version))
}
