import { chmodSync, closeSync, fchmodSync, openSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { storeRefusal } from '../../base/store-errors.ts'

/** Read and write for the owner alone. SQLite gives its other files the permissions of this one. */
const PRIVATE = 0o600

/**
 * Sees to it that the file is there, and that nobody else can read one that is new or empty. A file that holds something
 * is never opened here: to close it again would take the locks away that this process has on it. Throws
 * `SessionStoreError`.
 */
export function prepareFile(file: string): void {
  const there = statOf(file)
  if (there === null) {
    create(file)
    return
  }
  if (!there.isFile()) throw storeRefusal(`${file} is no file: give sqliteStore() the path of one`)
  if (there.size > 0) return
  try {
    chmodSync(file, PRIVATE)
  } catch (error) {
    throw fileError(file, error)
  }
}

function statOf(file: string): Stats | null {
  try {
    return statSync(file, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    throw fileError(file, error)
  }
}

function create(file: string): void {
  try {
    const created = openSync(file, 'wx', PRIVATE)
    // Whatever the umask takes away: SQLite has to write it.
    fchmodSync(created, PRIVATE)
    closeSync(created)
  } catch (error) {
    // Another process was faster.
    if (codeOf(error) !== 'EEXIST') throw fileError(file, error)
  }
}

function fileError(file: string, error: unknown): Error {
  const code = codeOf(error)
  switch (code) {
    case 'ENOENT':
      return storeRefusal(`the directory ${dirname(file)} does not exist: create it`, error)
    case 'ENOTDIR':
      return storeRefusal(`${dirname(file)} is no directory: give another file`, error)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return storeRefusal(
        `${file} cannot be created or changed (${code}): let the user of this process write in ${dirname(file)}`,
        error,
      )
    case 'ENOSPC':
    case 'EDQUOT':
      return storeRefusal(`the disk of ${file} is full: make room on it`, error)
    default:
      return storeRefusal(`${file} cannot be opened (${code ?? String(error)})`, error)
  }
}

function codeOf(error: unknown): string | null {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}
