import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('the code that reads and writes the messages of Datastore is generated from the protos', async () => {
  const { stderr } = await promisify(execFile)(process.execPath, ['scripts/datastore-protos.mjs'])
  expect(stderr).toBe('')
})
