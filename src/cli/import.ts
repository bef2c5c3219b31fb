import type { Json } from '../base/json.ts'
import type { SessionRecord } from '../record/record.ts'
import type { NoteStore, SessionStore } from '../store/store.ts'
import { insideOf } from './app-sessions.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { CommonOptions, Job } from './job.ts'
import { counted } from './text.ts'
import { checkedFile, type Contents, linesOf } from './transfer-file.ts'
import { isFence } from './transfer-format.ts'

export interface ImportOptions extends CommonOptions {
  readonly merge?: boolean
}

interface Counts {
  sessions: number
  notes: number
  /** Sessions whose key is already taken. */
  already: number
  failed: number
}

/** Maximum number of sessions in one call, and maximum bytes of their data. */
const BATCH = 100
const BATCH_BYTES = 2 * 1024 * 1024

const TRIES = 4

/** Inserts the sessions of an `export` file. It never overwrites an existing session. */
export async function importAll(
  { app, output, signal }: Job,
  path: string,
  { merge = false }: ImportOptions,
): Promise<ExitCode> {
  const { store } = insideOf(app)
  const contents = await checkedFile(path)
  if (!merge && (await hasSessions(store))) {
    output.error(
      'error: the store has sessions already, so nothing was written: add --merge to insert the missing ones',
    )
    return EXIT.failed
  }
  const counts: Counts = { sessions: 0, notes: 0, already: 0, failed: 0 }
  let batch: SessionRecord[] = []
  let bytes = 0
  let problem: Error | null = null
  const flush = async () => {
    problem = (await inserted(store, batch, counts)) ?? problem
    batch = []
    bytes = 0
    const done = counts.sessions + counts.already + counts.failed
    output.progress(`${done} of ${contents.sessions}`, { done, of: contents.sessions })
  }
  for await (const line of linesOf(path)) {
    if (signal.aborted) break
    if (line.is === 'note') {
      await putNote(store.notes, line.name, line.value)
      counts.notes += 1
    } else if (line.is === 'session') {
      batch.push(recordFor(store, contents, line.record))
      bytes += line.record.data.length
      if (batch.length >= BATCH || bytes >= BATCH_BYTES) await flush()
    }
  }
  if (!signal.aborted && batch.length > 0) await flush()
  await forgetWatermarks(store.notes)
  const complete = !signal.aborted
  output.answer({ ...counts, complete }, () => [
    `${counted(counts.sessions, 'session')} and ${counted(counts.notes, 'note')} imported`,
    ...(counts.already > 0 ? [`${counts.already} existed already and were left unchanged`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
  ])
  if (problem !== null) output.error(`the first error: ${(problem as Error).message}`)
  if (!complete || counts.failed > 0) {
    output.warn('start it again with --merge for the rest: imported sessions are left unchanged')
  }
  return complete && counts.failed === 0 ? EXIT.done : EXIT.failed
}

async function hasSessions(store: SessionStore): Promise<boolean> {
  return (await store.page({ by: 'all' }, { limit: 1 })).entries.length > 0
}

/** Fields of other releases have the form of their store, and another store cannot read them. */
function recordFor(store: SessionStore, { store: from }: Contents, record: SessionRecord) {
  if (store.name === from || record.extra === undefined) return record
  const { extra: _, ...rest } = record
  return rest
}

/** Inserts the sessions. Returns the error of the first that failed for good. */
async function inserted(
  store: SessionStore,
  batch: readonly SessionRecord[],
  counts: Counts,
): Promise<Error | null> {
  let left = batch
  let problem: Error | null = null
  for (let tries = 1; left.length > 0; tries++) {
    const results = await store.writeEach(left.map((record) => ({ kind: 'insert', record })))
    const again: SessionRecord[] = []
    for (const [index, result] of results.entries()) {
      const record = left[index] as SessionRecord
      if (result.outcome === 'applied') counts.sessions += 1
      else if (result.outcome === 'conflict') {
        const isOwn = (result.maybeOwn === true || tries > 1) && (await isStored(store, record))
        counts[isOwn ? 'sessions' : 'already'] += 1
      } else if (result.error.retryable && tries < TRIES) again.push(record)
      else {
        counts.failed += 1
        problem ??= result.error
      }
    }
    left = again
  }
  return problem
}

/** Whether exactly this record is stored: an insert whose answer was lost finds its own record. */
async function isStored(store: SessionStore, { key, rev }: SessionRecord): Promise<boolean> {
  return (await store.find(key))?.record?.rev === rev
}

/** Stores a note. Of two fences the higher number counts, so that a kill in either place stays valid. */
async function putNote(notes: NoteStore, name: string, value: Json): Promise<void> {
  for (let tries = 1; ; tries++) {
    const there = await notes.get(name)
    if (there !== null && !(isFence(name) && numberOf(value) > numberOf(there.value))) return
    const { outcome } = await notes.put(name, value, there?.version ?? null)
    if (outcome === 'applied') return
    if (tries >= TRIES)
      throw new Error(`the note ${name} is being changed by other processes: stop them first`)
  }
}

function numberOf(value: Json): number {
  const { number } = Object(value) as { number?: unknown }
  return typeof number === 'number' ? number : 0
}

/**
 * Resets the watermarks, since imported sessions may have expired long ago, before the point where the next sweep would
 * start.
 */
async function forgetWatermarks(notes: NoteStore): Promise<void> {
  for (const name of ['watermarks', 'watermarks:outside']) {
    const note = await notes.get(name)
    if (note === null) continue
    // The number of shards is kept. A running sweep writes its own watermarks, which only costs time.
    await notes.put(name, { ...(note.value as object), low: {}, full: 0 }, note.version)
  }
}
