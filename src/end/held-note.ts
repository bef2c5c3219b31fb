import type { Json } from '../base/json.ts'
import type { Version } from '../record/record.ts'
import type { NoteStore } from '../store/store.ts'

/** A note, held at the version at which it was read or written; `null`: it does not exist yet. */
export class HeldNote {
  readonly #notes: NoteStore
  readonly #name: string
  #version: Version | null

  constructor(notes: NoteStore, name: string, version: Version | null) {
    this.#notes = notes
    this.#name = name
    this.#version = version
  }

  /** Stores the value, which is plain JSON; `false` when another process has written the note meanwhile. */
  async put(value: object): Promise<boolean> {
    const result = await this.#notes.put(this.#name, value as Json, this.#version)
    if (result.outcome === 'conflict') return false
    this.#version = result.version
    return true
  }

  /** Deletes the note, unless another process has written it meanwhile. */
  async delete(): Promise<void> {
    if (this.#version !== null) await this.#notes.delete(this.#name, this.#version)
  }
}
