import { sideBySide } from '../base/parallel.ts'
import type { Found, Unreadable } from '../record/record.ts'
import type { Note, NoteStore, SessionStore } from '../store/store.ts'

/** Number of sessions that one call reads. */
const PAGE = 200

/** Number of notes that one call lists. */
const NOTES = 500

/** Yields all stored sessions, including ended ones, page by page, until the signal aborts. */
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

/** The characters with which names of notes begin, and the further characters in them. */
const FIRST = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
const LATER = [...FIRST, ...'-._:']

/** Maximum number of parallel queries for notes. */
const SIDE_BY_SIDE = 8

/** Returns all notes. Notes have no pages, so they are listed by prefix. */
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
