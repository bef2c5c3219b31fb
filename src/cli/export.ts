import { type FileHandle, open, rm } from 'node:fs/promises'
import { insideOf } from './app-sessions.ts'
import { EXIT, type ExitCode, UsageError } from './exit.ts'
import type { Job } from './job.ts'
import { counted } from './text.ts'
import { isCarried, lineOf, type TransferLine } from './transfer-format.ts'
import { allNotes, pagesOf } from './whole-store.ts'

/** Writes all sessions, with their notes, into a file for another store. */
export async function exportAll({ app, output, signal }: Job, path: string): Promise<ExitCode> {
  const { store } = insideOf(app)
  const file = await newFile(path)
  const counts = { sessions: 0, notes: 0, unreadable: 0 }
  try {
    const at = new Date().toISOString()
    await file.write(`${lineOf({ is: 'viur-session export', v: 1, at, store: store.name })}\n`)
    // The notes of kills are written first, so that all later sessions are at least as new.
    const notes = (await allNotes(store.notes)).filter(({ name }) => isCarried(name))
    counts.notes = notes.length
    await write(
      file,
      notes.map(({ name, value }) => ({ is: 'note', name, value })),
    )
    for await (const entries of pagesOf(store, signal)) {
      const records = entries.flatMap(({ record }) => record ?? [])
      counts.sessions += records.length
      counts.unreadable += entries.length - records.length
      await write(
        file,
        records.map((record) => ({ is: 'session', record })),
      )
      output.progress(counted(counts.sessions, 'session'))
    }
    const { sessions } = counts
    if (!signal.aborted) await write(file, [{ is: 'end', notes: counts.notes, sessions }])
    await file.sync()
  } catch (error) {
    await rm(path)
    throw error
  } finally {
    await file.close()
  }
  if (signal.aborted) {
    await rm(path)
    output.warn('stopped: the incomplete file was deleted')
    return EXIT.failed
  }
  output.answer(counts, () => [
    `${counted(counts.sessions, 'session')} and ${counted(counts.notes, 'note')} in ${path}`,
    ...(counts.unreadable > 0
      ? [`damaged and left out: ${counted(counts.unreadable, 'session')}`]
      : []),
  ])
  return counts.unreadable === 0 ? EXIT.done : EXIT.failed
}

/** Makes a new file that only its owner can read. */
async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new UsageError(`${path} exists already: name a new file`)
    if (code === 'ENOENT') throw new UsageError(`${path} cannot be made: its folder does not exist`)
    throw error
  }
}

async function write(file: FileHandle, lines: readonly TransferLine[]): Promise<void> {
  if (lines.length > 0) await file.write(`${lines.map(lineOf).join('\n')}\n`)
}
