import { sideBySide } from '../base/parallel.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { NoteStore } from '../store/store.ts'
import { hasRunOut, LEASES } from '../write/lease-note.ts'
import { listNotesBelow } from './fences.ts'

/**
 * Deletes leases that their holder did not release, as after a crash, and that nobody has taken since. It waits a while
 * after the end of a lease, because the holder may still save under it.
 */
export async function removeDeadLeases(notes: NoteStore, now: number): Promise<void> {
  const leases = await listNotesBelow(notes, LEASES)
  const dead = leases.filter((note) => hasRunOut(note, now - LEEWAY))
  await sideBySide(dead, 10, ({ name, version }) => notes.delete(name, version))
}
