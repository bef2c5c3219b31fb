import { FENCE_OF_ALL, FENCES } from './fences.ts'
import type { Note, NoteStore } from '../store/store.ts'

/** How many notes are listed in one call. */
const PAGE = 500

const DIGITS = [...'0123456789abcdef']

/** Every fence note there is. Notes have no pages, so where there are many they are asked for digit by digit. */
export async function listFenceNotes(notes: NoteStore): Promise<Note[]> {
  const all = await notes.get(FENCE_OF_ALL)
  return [...(all === null ? [] : [all]), ...(await listBelow(notes, FENCES))]
}

/** A few fence notes of users, those whose names follow one digit drawn at random (0 to 15). */
export async function someFenceNotes(
  notes: NoteStore,
  digit: number,
  limit: number,
): Promise<readonly Note[]> {
  return await notes.list(`${FENCES}${DIGITS[digit]}`, limit)
}

async function listBelow(notes: NoteStore, prefix: string): Promise<readonly Note[]> {
  const found = await notes.list(prefix, PAGE)
  if (found.length < PAGE) return found
  const parts: Note[] = []
  for (const digit of DIGITS) parts.push(...(await listBelow(notes, `${prefix}${digit}`)))
  return parts
}
