import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createSessions, SessionStoreError } from '../../../src/index.ts'
import { datastoreStore } from '../../../src/store/datastore/index.ts'
import { googleCredentials } from '../../../src/store/datastore/transport/google-credentials.ts'
import {
  BROKEN_FILES,
  BROKEN_SOURCES,
  BROKEN_TOKEN,
  credentialsIn,
  expectNothingOf,
  externalAccount,
} from '../../setup/broken-credentials.ts'
import { datastoreServer } from '../../setup/datastore-server.ts'

const TRANSPORTS = ['grpc', 'client'] as const

async function failureOf(work: Promise<unknown>): Promise<SessionStoreError> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(SessionStoreError)
  return failure as SessionStoreError
}

/** Returns the error of `ready()` with this transport. */
async function failureBy(transport: (typeof TRANSPORTS)[number]): Promise<SessionStoreError> {
  const sessions = createSessions({ store: datastoreStore({ projectId: 'shop', transport }) })
  onTestFinished(() => sessions.close())
  return await failureOf(sessions.ready())
}

describe('no part of the credentials appears in errors', () => {
  test.each(
    TRANSPORTS.flatMap((transport) => BROKEN_FILES.map((file) => [transport, ...file] as const)),
  )('by %s, where the file holds %s', async (transport, _name, text, secret) => {
    const path = credentialsIn(text)
    const failure = await failureBy(transport)
    expect(failure.message).toContain(
      `GOOGLE_APPLICATION_CREDENTIALS names ${path}, and "the file is not valid JSON"`,
    )
    expect(failure).toMatchObject({ effect: 'none', retryable: true })
    expectNothingOf(secret, failure)
  })

  test.each(BROKEN_FILES)('for a token, where the file holds %s', async (_name, text, secret) => {
    credentialsIn(text)
    const { tokens } = await googleCredentials(
      { universe: 'googleapis.com', projectId: null },
      null,
    )
    const failure = await failureOf(Promise.resolve(tokens.headers()))
    expect(failure.message).toMatch(/no call to Datastore is sent.*\(the file is not valid JSON\)/)
    expectNothingOf(secret, failure)
  })

  test.each(BROKEN_SOURCES)('where it comes from %s', async (_name, sourceOf) => {
    const path = credentialsIn('{}')
    const source = join(path, '..', 'source.txt')
    writeFileSync(source, BROKEN_TOKEN)
    writeFileSync(path, externalAccount(sourceOf(source)))
    const failure = await failureBy('grpc')
    expect(failure.message).toMatch(/not valid JSON|run it by hand/)
    expectNothingOf(BROKEN_TOKEN, failure)
  })

  test.each([
    ['the JSON itself', JSON.stringify({ type: 'service_account', private_key: BROKEN_TOKEN })],
    ['a token', BROKEN_TOKEN],
  ])('where the variable holds %s, and not the name of a file', async (_name, value) => {
    for (const transport of TRANSPORTS) {
      credentialsIn('{}')
      vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', value)
      const failure = await failureBy(transport)
      expect(failure.message).toMatch(/GOOGLE_APPLICATION_CREDENTIALS does not name a file/)
      expectNothingOf(BROKEN_TOKEN, failure)
    }
  })

  test('if the client of Google finds the fault during a call', async () => {
    const quoted = `Unexpected token 'Q', ..."ate_key": ${BROKEN_TOKEN}"... is not valid JSON`
    for (const code of [2, 14, 16]) {
      const server = await datastoreServer({
        code,
        message: `Getting metadata from plugin failed with error: ${quoted}`,
      })
      vi.stubEnv('DATASTORE_EMULATOR_HOST', server.address)
      onTestFinished(() => void vi.unstubAllEnvs())
      for (const transport of TRANSPORTS) expectNothingOf(BROKEN_TOKEN, await failureBy(transport))
    }
  })
})
