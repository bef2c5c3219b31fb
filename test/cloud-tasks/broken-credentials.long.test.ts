import { describe, expect, test } from 'vitest'
import { SessionStoreError } from '../../src/index.ts'
import { openTasksClient } from '../../src/cloud-tasks/tasks-client.ts'
import { asTasksError } from '../../src/cloud-tasks/tasks-errors.ts'
import {
  BROKEN_FILES,
  BROKEN_TOKEN,
  credentialsIn,
  expectNothingOf,
} from '../setup/broken-credentials.ts'

describe('Cloud Tasks tells nothing of the credentials', () => {
  test.each(BROKEN_FILES)('where the file holds %s', async (_name, text, secret) => {
    credentialsIn(text)
    const failure = await openTasksClient({ client: null, emulator: null, projectId: 'shop' }).then(
      () => null,
      (error: unknown) => error,
    )
    expect(failure).toBeInstanceOf(SessionStoreError)
    expect((failure as SessionStoreError).message).toContain('the file is not valid JSON')
    expectNothingOf(secret, failure)
  })

  test('where its client finds it out at a call', () => {
    const message = `2 UNKNOWN: Getting metadata from plugin failed with error: Unexpected token 'Q', "${BROKEN_TOKEN}" is not valid JSON`
    for (const code of [2, 14, 16]) {
      const failure = asTasksError(Object.assign(new Error(message), { code }), 'http')
      expect((failure.cause as Error).message).toContain('the file is not valid JSON')
      expectNothingOf(BROKEN_TOKEN, failure)
    }
  })
})
