import { describe, expect, it } from 'vitest'
import { SessionConfigError } from '../../src/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { BAD_DATASTORE_OPTIONS } from './options.ts'

describe('datastoreStore()', () => {
  it.each(Object.entries(BAD_DATASTORE_OPTIONS))('refuses %s', (_, { options, says }) => {
    let error: unknown
    try {
      datastoreStore(options as never)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(SessionConfigError)
    const { message } = error as SessionConfigError
    for (const part of ['datastoreStore', ...says]) expect(message).toContain(part)
    expect(message.length).toBeLessThan(400)
  })
})
