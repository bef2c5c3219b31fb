import { storeRefusal } from '../base/store-errors.ts'
import type { Json } from '../base/json.ts'
import type { Version } from '../record/record.ts'
import type { Note } from './store.ts'

/** Makes a note from its stored parts. Throws for a damaged note, without quoting its content. */
export function storedNote(name: string | null, version: Version | null, text: unknown): Note {
  if (name !== null && version !== null && typeof text === 'string') {
    try {
      return { name, version, value: JSON.parse(text) as Json }
    } catch {
      // Falls through: the parser's message would quote the text.
    }
  }
  throw storeRefusal('a note of the sweep is damaged: delete it, and the next run makes a new one')
}
