import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** The reason why the tests of this store are left out, as a part of their name; `null`: they run. */
export const MISSING: string | null =
  process.getBuiltinModule('node:sqlite') === undefined
    ? ` (not installed: node:sqlite, which needs Node 22.13 and not ${process.version})`
    : null

/** The directory of the files, in memory if possible, since each write waits for the disk. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

let files = 0

/** Returns paths of new files in a directory of this test file, which is removed at its end. */
export function freshFiles(): (name?: string) => string {
  const directory = mkdtempSync(join(PLACE, 'viur-session-sqlite-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return (name = `${++files}.db`) => join(directory, name)
}
