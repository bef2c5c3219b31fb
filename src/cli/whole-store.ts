import { sideBySide } from '../base/parallel.ts'
import type { Found, Unreadable } from '../record/record.ts'
import type { Note, NoteStore, SessionStore } from '../store/store.ts'

/** How many sessions are read in one call. */
const PAGE = 200

/** How many notes are asked for in one call. */
const NOTES = 500

/** Every session that is stored, also what has ended, page by page, until the signal says to stop. */
export async function* pagesOf(
  store: SessionStore,
  signal: AbortSignal,
): AsyncGenerator<readonly (Found | Unreadable)[]> {
  let cursor: string | null = null
  while (!signal.aborted) {
    const page = await store.page(
      { by: 'all' },
      { limit: PAGE, ...(cursor !== null && { cursor }) },
    )
    if (page.cursor === null) return
    yield page.entries
    cursor = page.cursor
  }
}

/** What names of notes begin with, and what else there is in them. */
const FIRST = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
const LATER = [...FIRST, ...'-._:']

/** How many queries for notes are under way at the same time. */
const SIDE_BY_SIDE = 8

/** Every note there is. Notes have no pages, so they are asked for by what they begin with. */
export async function allNotes(notes: NoteStore): Promise<readonly Note[]> {
  const all: Note[] = []
  await sideBySide(FIRST, SIDE_BY_SIDE, async (first) => {
    all.push(...(await notesBelow(notes, first)))
  })
  return all.toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

async function notesBelow(notes: NoteStore, prefix: string): Promise<readonly Note[]> {
  const found = await notes.list(prefix, NOTES)
  if (found.length < NOTES) return found
  const all = new Map(found.map((note) => [note.name, note]))
  for (const next of LATER) {
    for (const note of await notesBelow(notes, `${prefix}${next}`)) all.set(note.name, note)
  }
  return [...all.values()]
}
