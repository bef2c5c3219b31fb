import { beforeEach, describe, it, vi } from 'vitest'
import { createCookieSessions } from '../../src/cookie-sessions/index.ts'
import { adapterContract } from '../../src/testing/index.ts'
import { HARNESSES } from './harnesses.ts'

// If Koa has begun its response, it logs the error to the console.
beforeEach(() => {
  const silenced = vi.spyOn(console, 'error').mockImplementation(() => {})
  return () => silenced.mockRestore()
})

describe('sessions in cookies', () => {
  const keys = [{ id: 'a', key: Buffer.from(Array.from({ length: 32 }, (_, at) => at)) }]
  for (const harness of HARNESSES) {
    void adapterContract(harness, {
      runner: { describe, it },
      makeSessions: ({ cookie, logger }) => createCookieSessions({ keys, cookie, logger }),
      without: ['store', 'ids'],
    })
  }
})
