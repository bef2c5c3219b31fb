import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { UsageError } from './exit.ts'
import { readLine, TransferError, type TransferLine } from './transfer-format.ts'

/** The content of an `export` file. */
export interface Contents {
  readonly store: string
  readonly sessions: number
  readonly notes: number
}

/**
 * More characters than any line of `export` has, even when JSON writes each byte of its 900 KiB of data as six
 * characters.
 */
const LONGEST = 16 * 1024 * 1024

/** Yields the lines of the file. Throws {@link TransferError} for a line that `export` would not write. */
export async function* linesOf(path: string): AsyncGenerator<TransferLine> {
  await checkIsFile(path)
  const stream = createReadStream(path, 'utf8')
  let number = 0
  for await (const text of textsOf(stream)) {
    number += 1
    yield readLine(text, number)
  }
}

/**
 * Yields the lines. It does not use `readline`, which also ends a line at U+2028 and U+2029; JSON contains these
 * unescaped.
 */
async function* textsOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const texts = chunk.split('\n')
    texts[0] = rest + texts[0]
    rest = texts.pop() ?? ''
    yield* texts
    if (rest.length > LONGEST) throw new TransferError('the file has a line that is too long')
  }
  if (rest !== '') yield rest
}

/** The file is read twice, which a pipe does not allow. */
async function checkIsFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new UsageError(`there is no file ${path}`) : error
  })
  if (found.isDirectory()) throw new UsageError(`${path} is a folder`)
  if (!found.isFile()) {
    throw new UsageError(`${path} can be read only once, but import reads it twice: name a file`)
  }
}

/** Reads the whole file once, so that nothing is imported from a damaged or incomplete file. */
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
  return new TransferError(
    `${path} is not a complete file of "viur-session export": nothing was written`,
  )
}
