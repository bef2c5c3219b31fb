import * as grpc from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Grpc, GrpcClient } from '../../../../src/store/datastore/transport/grpc-client.ts'
import { Tokens } from '../../../../src/store/datastore/transport/tokens.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A client whose token never comes. */
function clientWithoutToken(): GrpcClient {
  const client = new GrpcClient({
    grpc: grpc as unknown as Grpc,
    address: '127.0.0.1:1',
    channelCredentials: grpc.credentials.createInsecure(),
    channelOptions: {},
    credentials: {
      tokens: new Tokens(() => new Promise(() => undefined)),
      find: async () => undefined,
      projectId: async () => 'p',
    },
    headers: {},
  })
  onTestFinished(() => client.close())
  return client
}

const TROUBLE = {
  code: 'ERR_SESSION_STORE',
  effect: 'none',
  retryable: true,
  message: expect.stringMatching(/^no call to Datastore is sent: the token is slow to come/),
}

describe('a token that does not come', () => {
  test.each(['lookup', 'commit', 'runQuery'] as const)(
    'fails a %s that was not sent when its time is over, and not before',
    async (method) => {
      const failed = vi.fn()
      void clientWithoutToken()[method]({}, { timeout: 5000 }).catch(failed)
      await vi.advanceTimersByTimeAsync(4999)
      expect(failed).not.toHaveBeenCalled()
      await vi.advanceTimersByTimeAsync(1)
      expect(failed.mock.calls).toMatchObject([[TROUBLE]])
    },
  )

  test('does not prevent a client from being discarded and made again', async () => {
    const failed = vi.fn()
    void clientWithoutToken().initialize().catch(failed)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(failed.mock.calls).toMatchObject([[TROUBLE]])
    expect(vi.getTimerCount()).toBe(0)
  })
})
