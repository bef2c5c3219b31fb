import type { Json } from '../../base/json.ts'
import { checkNoteName } from '../../record/limits.ts'
import type { Note, NoteStore, NoteWrite, WriteResult } from '../store.ts'
import type { Version } from '../../record/record.ts'

/** Notes in the memory of this process. */
export class MemoryNotes implements NoteStore {
  /** Notes as text, so that callers never share objects with the store. */
  readonly #notes = new Map<string, { text: string; version: Version }>()
  #versions = 0

  async get(name: string): Promise<Note | null> {
    checkNoteName(name)
    const note = this.#notes.get(name)
    if (note === undefined) return null
    return { name, value: JSON.parse(note.text) as Json, version: note.version }
  }

  async getMany(names: readonly string[]): Promise<readonly (Note | null)[]> {
    return await Promise.all(names.map((name) => this.get(name)))
  }

  async put(name: string, value: Json, version: Version | null): Promise<WriteResult> {
    return this.#write({ name, value, version })
  }

  async delete(name: string, version: Version): Promise<WriteResult> {
    return this.#write({ name, value: undefined, version })
  }

  #write(write: NoteWrite): WriteResult {
    return this.holds(write)
      ? { outcome: 'applied', version: this.apply(write) }
      : { outcome: 'conflict' }
  }

  /** Whether the condition of the write holds. */
  holds({ name, version }: NoteWrite): boolean {
    checkNoteName(name)
    return (this.#notes.get(name)?.version ?? null) === version
  }

  /** Applies the write, after {@link holds} has checked its condition. */
  apply({ name, value }: NoteWrite): Version {
    this.#versions += 1
    const version = String(this.#versions)
    if (value === undefined) this.#notes.delete(name)
    else this.#notes.set(name, { text: JSON.stringify(value), version })
    return version
  }

  async list(prefix: string, limit: number): Promise<readonly Note[]> {
    checkNoteName(prefix)
    const names = [...this.#notes.keys()].filter((name) => name.startsWith(prefix)).sort()
    return (await Promise.all(names.slice(0, limit).map((name) => this.get(name)))).filter(
      (note) => note !== null,
    )
  }
}
