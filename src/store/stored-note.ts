import { storeRefusal } from '../base/store-errors.ts'
import type { Json } from '../base/json.ts'
import type { Version } from '../record/record.ts'
import type { Note } from './store.ts'

/** The note of which this is stored. Throws for one that is damaged, and quotes nothing of it. */
export function storedNote(name: string | null, version: Version | null, text: unknown): Note {
  if (name !== null && version !== null && typeof text === 'string') {
    try {
      return { name, version, value: JSON.parse(text) as Json }
    } catch {
      // Falls through: what the parser says quotes the text.
    }
  }
  throw storeRefusal('a note of the sweep is damaged: delete it, and the next run makes a new one')
}
