import { chmodSync, closeSync, fchmodSync, openSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { storeRefusal } from '../../base/store-errors.ts'

/** Read and write permission for the owner only. SQLite gives its other files the same permissions. */
const PRIVATE = 0o600

/**
 * Creates the file if it does not exist, and makes a new or empty file private. A file with content is never opened
 * here, since closing it would release the locks that this process holds on it. Throws `SessionStoreError`.
 */
export function prepareFile(file: string): void {
  const there = statOf(file)
  if (there === null) {
    create(file)
    return
  }
  if (!there.isFile())
    throw storeRefusal(`${file} is not a file: give sqliteStore() the path of a file`)
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
    // The umask may have removed permissions that SQLite needs.
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
      return storeRefusal(
        `${dirname(file)} is not a directory: give sqliteStore() another path`,
        error,
      )
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return storeRefusal(
        `${file} cannot be created or changed (${code}): let the user of this process write in ${dirname(file)}`,
        error,
      )
    case 'ENOSPC':
    case 'EDQUOT':
      return storeRefusal(`the disk of ${file} is full: free some space`, error)
    default:
      return storeRefusal(`${file} cannot be opened (${code ?? String(error)})`, error)
  }
}

function codeOf(error: unknown): string | null {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}
