import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** Why the tests of this store are left out, as a part of their name; `null`: they are not. */
export const MISSING: string | null =
  process.getBuiltinModule('node:sqlite') === undefined
    ? ` (not installed: node:sqlite, which needs Node 22.13 and not ${process.version})`
    : null

/** In memory where the machine has such a place: what is written is on the disk before it is answered. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

let files = 0

/** Gives paths of files that are not there, in a directory of this test file that is gone after it. */
export function freshFiles(): (name?: string) => string {
  const directory = mkdtempSync(join(PLACE, 'viur-session-sqlite-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return (name = `${++files}.db`) => join(directory, name)
}
