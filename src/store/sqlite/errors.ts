import { SessionError, SessionStoreError } from '../../base/errors.ts'
import { passingTrouble, storeRefusal } from '../../base/store-errors.ts'

/** Primary result codes of SQLite ("Result and Error Codes"). */
const PERM = 3
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const SCHEMA = 17
const NOTADB = 26

/** Returns the primary result code of an error of SQLite; `null` for any other error. */
function codeOf(error: unknown): number | null {
  const code = (error as { readonly errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : null
}

/** Whether another connection holds the lock, so that the same call may succeed a moment later. */
export function isBusy(error: unknown): boolean {
  const code = codeOf(error)
  return code === BUSY || code === LOCKED
}

/** Converts an error of SQLite. `wasCommitting`: it occurred during the commit of a transaction. */
export function sqliteError(error: unknown, file: string, wasCommitting: boolean): SessionError {
  if (error instanceof SessionError) return error
  const code = codeOf(error)
  const reason = error instanceof Error ? error.message : String(error)
  switch (code) {
    case BUSY:
    case LOCKED:
    case SCHEMA:
      return passingTrouble(
        `another process has locked ${file} for longer than this call can wait: look for long transactions on it`,
        error,
      )
    case NOTADB:
      return storeRefusal(
        `${file} is not an SQLite database: give sqliteStore() a file of its own`,
        error,
      )
    case CORRUPT:
      return storeRefusal(
        `${file} is damaged (${reason}): replace it by a backup, or remove it with its -wal and -shm files, which ends all sessions`,
        error,
      )
    case FULL:
      return storeRefusal(
        `the disk of ${file} is full and nothing was written: free some space`,
        error,
      )
    case READONLY:
    case PERM:
      return storeRefusal(
        `${file} cannot be written: let the user of this process write the file and its directory`,
        error,
      )
    case CANTOPEN:
      return storeRefusal(
        `${file} cannot be opened: let the user of this process read and write the file and its directory`,
        error,
      )
    case IOERR:
      return new SessionStoreError(
        `reading or writing ${file} failed (${reason}): look at its disk`,
        {
          cause: error,
          effect: wasCommitting ? 'unknown' : 'none',
          retryable: true,
        },
      )
    default:
      return new SessionStoreError(`SQLite failed on ${file} (${reason})`, {
        cause: error,
        effect: wasCommitting ? 'unknown' : 'none',
        retryable: false,
      })
  }
}
