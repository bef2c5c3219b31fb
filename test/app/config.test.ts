import { describe, expect, it } from 'vitest'
import { configFrom, EnvironmentError } from '../../src/app/config.ts'

describe('configFrom', () => {
  it('keeps to this machine and its memory where nothing is set', () => {
    expect(configFrom({})).toEqual({
      port: 8080,
      host: '127.0.0.1',
      storeName: 'memory',
      secrets: [],
      behindProxy: false,
    })
  })

  it('is on Datastore, open and behind a proxy on App Engine and Cloud Run', () => {
    for (const environment of [{ GAE_ENV: 'standard' }, { K_SERVICE: 'demo' }]) {
      expect(configFrom({ ...environment, PORT: '8081' })).toMatchObject({
        port: 8081,
        host: undefined,
        storeName: 'datastore',
        behindProxy: true,
      })
    }
  })

  it('is on the emulator where there is one, and on what was asked for', () => {
    const emulator = { DATASTORE_EMULATOR_HOST: '127.0.0.1:8081' }
    expect(configFrom(emulator).storeName).toBe('emulator')
    expect(configFrom({ ...emulator, SESSION_STORE: 'memory' }).storeName).toBe('memory')
    expect(configFrom({ ...emulator, SESSION_STORE: 'datastore' }).storeName).toBe('emulator')
    expect(configFrom({ SESSION_STORE: 'datastore' }).storeName).toBe('datastore')
    expect(configFrom({ GAE_ENV: 'standard', SESSION_STORE: 'memory' }).storeName).toBe('memory')
  })

  it('takes several secrets, newest first', () => {
    const [fresh, old] = ['a'.repeat(32), 'b'.repeat(40)]
    expect(configFrom({ SESSION_COOKIE_SECRETS: ` ${fresh} , ${old} ,` }).secrets).toEqual([
      fresh,
      old,
    ])
  })

  it('refuses what it would have to guess', () => {
    for (const PORT of ['http', '-1', '65536', '80.5', '0x50', ' 80']) {
      expect(() => configFrom({ PORT })).toThrow(EnvironmentError)
    }
    expect(() => configFrom({ SESSION_COOKIE_SECRETS: 'abc' })).toThrow(
      /SESSION_COOKIE_SECRETS.*openssl/,
    )
    expect(() => configFrom({ SESSION_STORE: 'redis' })).toThrow(/SESSION_STORE/)
  })
})
