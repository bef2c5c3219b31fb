import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { UsageError } from './exit.ts'
import { readLine, TransferError, type TransferLine } from './transfer-format.ts'

/** What stands in a file of `export`. */
export interface Contents {
  readonly store: string
  readonly sessions: number
  readonly notes: number
}

/** The lines of the file, one by one. Throws {@link TransferError} for one that is not as `export` writes it. */
export async function* linesOf(path: string): AsyncGenerator<TransferLine> {
  const stream = createReadStream(path, 'utf8')
  let number = 0
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
      number += 1
      yield readLine(text, number)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new UsageError(`there is no file ${path}`)
    if (code === 'EISDIR') throw new UsageError(`${path} is a folder`)
    throw error
  } finally {
    stream.destroy()
  }
}

/** Reads the whole file once, so that nothing is written of one that is damaged, or was cut off. */
export async function checkedFile(path: string): Promise<Contents> {
  const counts = { sessions: 0, notes: 0 }
  const said: { store: string | null; end: string | null } = { store: null, end: null }
  let isFirst = true
  for await (const line of linesOf(path)) {
    if (isFirst !== (line.is === 'viur-session export') || said.end !== null) throw notWhole(path)
    isFirst = false
    if (line.is === 'viur-session export') said.store = String(line.store)
    else if (line.is === 'note') counts.notes += 1
    else if (line.is === 'session') counts.sessions += 1
    else said.end = `${line.sessions} ${line.notes}`
  }
  if (said.store === null || said.end !== `${counts.sessions} ${counts.notes}`) throw notWhole(path)
  return { ...counts, store: said.store }
}

function notWhole(path: string): TransferError {
  return new TransferError(`${path} is no whole file of "viur-session export": nothing was written`)
}
