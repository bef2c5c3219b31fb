import { describe, expect, it } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { memoryStore, SessionConfigError } from '../../src/index.ts'

function make(options: Record<string, unknown>): DatastoreSessionStore {
  return new DatastoreSessionStore({ store: memoryStore(), ...options })
}

describe('DatastoreSessionStore', () => {
  it.each(['zzz', 'lifeTime', ''])('refuses the option %j, even without a value', (name) => {
    expect(() => make({ [name]: undefined })).toThrow(SessionConfigError)
    expect(() => make({ [name]: undefined })).toThrow(`no option ${JSON.stringify(name)}`)
  })

  it.each(['secret', 'resave', 'saveUninitialized', 'rolling', 'genid', 'cookie'])(
    'says that %s is an option of the middleware',
    (name) => {
      expect(() => make({ [name]: true })).toThrow(/option of express-session itself/)
    },
  )

  it.each([
    ['ttl', /use "lifetime", in milliseconds/],
    ['expirationMs', /use "lifetime"$/],
    ['dataset', /"client"/],
    ['namepsace', /did you mean "namespace"\?/],
  ])('answers %s with what does the same here', (name, says) => {
    expect(() => make({ [name]: true })).toThrow(says)
  })
})
