import { MAX_TIME } from '../record/limits.ts'
import type { SecurityKeyName } from '../record/record.ts'
import type { Note, SessionStore } from '../store/store.ts'
import { watermarksIn } from '../sweep/watermarks.ts'
import { insideOf } from './app-sessions.ts'
import { isAgreed } from './ask.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { CommonOptions, Job } from './job.ts'
import { counted } from './text.ts'
import { allNotes, pagesOf } from './whole-store.ts'

export interface TeardownOptions extends CommonOptions {
  readonly yes?: boolean
}

/** Counts of deleted records. */
export interface Removed {
  sessions: number
  securityKeys: number
  notes: number
}

/** Maximum number of passes over the store, since records may be added meanwhile. */
const PASSES = 3

/** A time after the end of the last possible bucket of keys, in milliseconds. */
const END_OF_TIME = MAX_TIME + 40 * 24 * 60 * 60 * 1000

/** Deletes everything of this package in the store, without events, after a confirmation. */
export async function teardown(
  { app, output, signal }: Job,
  { yes = false }: TeardownOptions,
): Promise<ExitCode> {
  const { store } = insideOf(app)
  const where = app.place === undefined ? '' : ` in ${app.place}`
  const question = `Delete all sessions, security keys and notes${where}, without calling any observer?`
  if (!yes && !(await isAgreed(question, signal))) {
    output.warn('nothing was deleted')
    return EXIT.failed
  }
  const removed: Removed = { sessions: 0, securityKeys: 0, notes: 0 }
  const left = await removeAll(store, removed, signal, () => {
    output.progress(`${counted(removed.sessions, 'session')} deleted`)
  })
  output.answer({ ...removed, complete: !left }, () => [
    `${counted(removed.sessions, 'session')}, ${counted(removed.securityKeys, 'security key')} and ${counted(removed.notes, 'note')} deleted`,
  ])
  if (!left) return EXIT.done
  output.error(
    signal.aborted
      ? 'stopped: start it again for the rest'
      : 'a process still writes sessions: stop the app first, and start it again',
  )
  return EXIT.failed
}

/** Deletes and counts everything. Returns whether something may be left. */
async function removeAll(
  store: SessionStore,
  removed: Removed,
  signal: AbortSignal,
  onPage: () => void,
): Promise<boolean> {
  for (let pass = 0; pass < PASSES; pass++) {
    const before = removed.sessions + removed.securityKeys + removed.notes
    await removeSessions(store, removed, signal, onPage)
    if (signal.aborted) return true
    await removeKeys(store, removed)
    // Notes are deleted last: one of them holds the highest number of shards ever used.
    for (const note of await allNotes(store.notes)) await removeNote(store, note, removed)
    if (removed.sessions + removed.securityKeys + removed.notes === before) return false
  }
  return true
}

/** Deletes every session, at the version at which it was read. */
export async function removeSessions(
  store: SessionStore,
  removed: Removed,
  signal: AbortSignal,
  onPage: () => void = () => {},
): Promise<void> {
  for await (const entries of pagesOf(store, signal)) {
    const results = await store.writeEach(
      entries.map((entry) => ({
        kind: 'delete',
        key: entry.record === null ? entry.key : entry.record.key,
        version: entry.version,
      })),
    )
    for (const result of results) {
      if (result.outcome === 'applied') removed.sessions += 1
      else if (result.outcome === 'failed' && !result.error.retryable) throw result.error
    }
    onPage()
  }
}

/** Deletes every security key. */
export async function removeKeys(store: SessionStore, removed: Removed): Promise<void> {
  const lanes = await watermarksIn(store).securityKeys.lanes(Date.now(), 0)
  for (const { shard } of lanes) {
    for (;;) {
      const names: readonly SecurityKeyName[] = (
        await store.keys.page({ shard: shard ?? 0, upTo: END_OF_TIME }, { limit: 500 })
      ).names
      if (names.length === 0) break
      await store.keys.remove(names)
      removed.securityKeys += names.length
    }
  }
}

async function removeNote(store: SessionStore, { name, version }: Note, removed: Removed) {
  const { outcome } = await store.notes.delete(name, version)
  if (outcome === 'applied') removed.notes += 1
}
