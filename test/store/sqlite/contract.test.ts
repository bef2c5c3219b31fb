import { describe, it } from 'vitest'
import { sqliteStore } from '../../../src/store/sqlite/index.ts'
import { storeContract } from '../../../src/testing/index.ts'
import { freshFiles, MISSING } from './files.ts'

const fresh = freshFiles()

describe.skipIf(MISSING !== null)(`in a file of SQLite${MISSING ?? ''}`, () => {
  void storeContract(() => sqliteStore({ file: fresh() }), { describe, it })
})
