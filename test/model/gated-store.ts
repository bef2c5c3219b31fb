import { type SessionRecord, type SessionStore, SessionStoreError } from '../../src/index.ts'
import type { Mutation, Note, NoteStore } from '../../src/store/store.ts'
import type { Arrive, Footprint } from './schedule.ts'
// Imported here, since loading on demand takes more turns of the event loop than a walk waits for an actor.
import '../../src/request/exclusive.ts'
import '../../src/sweep/long-work.ts'

/** The effects of one actor's calls in the store, in the order of {@link Effect.at} over all actors. */
export interface Effect {
  readonly at: number
  readonly actor: number
  /** The value of a note that was written, or that its caller has read. */
  readonly note?: { readonly name: string; readonly number: number; readonly isRead: boolean }
  readonly inserted?: SessionRecord
  /** Written by an update that left it alive. */
  readonly updated?: SessionRecord
  /** Deleted, or marked as ended. */
  readonly ended?: string
  /** A page of a pass. */
  readonly isPage?: true
  /** Found alive; the caller got the answer. */
  readonly found?: string
}

/** The notes whose calls wait for their turn; calls of other notes do not wait. */
const isHeld = (name: string): boolean => name.startsWith('fence')

/** The store of one actor: each of its calls waits for its turn, can fail, and is recorded. */
export function gatedStore(
  store: SessionStore,
  actor: number,
  arrive: Arrive,
  effects: Effect[],
): SessionStore {
  const did = (effect: Omit<Effect, 'at' | 'actor'>): void => {
    effects.push({ at: effects.length, actor, ...effect })
  }

  async function through<Result>(
    call: string,
    footprint: Footprint,
    effect: () => Promise<Result>,
    note: (result: Result, isTold: boolean) => void,
  ): Promise<Result> {
    const fault = await arrive(call, footprint)
    if (fault === 'crash-before') return await never
    if (fault === 'fails-before') throw new SessionStoreError('down', { effect: 'none' })
    const result = await effect()
    note(result, fault === 'none')
    if (fault === 'crash-after') return await never
    if (fault === 'fails-after') throw new SessionStoreError('answer lost', { effect: 'unknown' })
    return result
  }

  function wrote(mutation: Mutation): void {
    if (mutation.kind === 'insert') did({ inserted: mutation.record })
    else if (mutation.kind === 'delete' || mutation.kind === 'remove') did({ ended: mutation.key })
    else if (mutation.record.ended !== null) did({ ended: mutation.record.key })
    else did({ updated: mutation.record })
  }

  const read = (name: string, note: Note | null): void => {
    const { number = 0 } = (note?.value ?? {}) as { number?: number }
    did({ note: { name, number, isRead: true } })
  }
  const ofNotes = (names: readonly string[]): Footprint => ({ reads: names, writes: [] })
  const { getMany } = store.notes as Required<NoteStore>
  const notes: Required<NoteStore> = {
    get: (name) =>
      isHeld(name)
        ? through(
            'get',
            ofNotes([name]),
            () => store.notes.get(name),
            (note, isTold) => {
              if (isTold) read(name, note)
            },
          )
        : store.notes.get(name),
    getMany: (names) =>
      through(
        'get',
        ofNotes(names),
        () => getMany.call(store.notes, names),
        (found, isTold) => {
          if (isTold) for (const [index, name] of names.entries()) read(name, found[index] ?? null)
        },
      ),
    put: (name, value, version) => {
      const put = () => store.notes.put(name, value, version)
      if (!isHeld(name)) return put()
      return through('put', { reads: [], writes: [name] }, put, ({ outcome }) => {
        const { number } = value as { number: number }
        if (outcome === 'applied') did({ note: { name, number, isRead: false } })
      })
    },
    delete: (name, version) => store.notes.delete(name, version),
    list: (prefix, limit) => store.notes.list(prefix, limit),
  }

  return {
    name: store.name,
    shards: store.shards,
    find: (key) =>
      through(
        'find',
        { reads: [`s:${key}`], writes: [] },
        () => store.find(key),
        (found, isTold) => {
          if (isTold && found?.record != null && found.record.ended === null) did({ found: key })
        },
      ),
    write: (mutation) =>
      through(
        mutation.kind,
        writing([mutation]),
        () => store.write(mutation),
        ({ outcome }) => {
          if (outcome === 'applied') wrote(mutation)
        },
      ),
    writeTogether: (mutations) =>
      through(
        mutations.map(({ kind }) => kind).join('+'),
        writing(mutations),
        () => store.writeTogether(mutations),
        ({ outcome }) => {
          if (outcome === 'applied') mutations.forEach(wrote)
        },
      ),
    writeEach: (mutations) =>
      through(
        'each',
        writing(mutations),
        () => store.writeEach(mutations),
        (results) => {
          mutations.forEach((mutation, index) => {
            if (results[index]?.outcome === 'applied') wrote(mutation)
          })
        },
      ),
    page: (selection, options) => {
      const page = () => store.page(selection, options)
      // This store contains no expired sessions.
      if (selection.by === 'expiry') return page()
      return through('page', { reads: ['s:*'], writes: [] }, page, () => did({ isPage: true }))
    },
    pageKeys: (selection, options) => store.pageKeys(selection, options),
    notes,
    keys: store.keys,
    close: () => store.close(),
  }
}

function writing(mutations: readonly Mutation[]): Footprint {
  const keys = mutations.map((mutation) =>
    'record' in mutation ? mutation.record.key : mutation.key,
  )
  return { reads: [], writes: keys.map((key) => `s:${key}`) }
}

const never = new Promise<never>(() => {})
