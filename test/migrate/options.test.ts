import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSessions, SessionConfigError } from '../../src/index.ts'
import { connectDatastoreSessions, viurCoreSessions } from '../../src/migrate/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'

const client = { lookup: async () => {}, commit: async () => {}, runQuery: async () => {} }
const store = datastoreStore({ projectId: 'p', client })

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('options of old sessions', () => {
  it.each([
    [{ kind: '' }, /kind must be the name of a kind/],
    [{ kind: '__Session__' }, /kind/],
    [{ namespace: 'a b' }, /namespace must be/],
    [{ namespace: 5 }, /namespace must be/],
    [{ sideBySide: 'yes' }, /sideBySide must be true or false/],
    [{ convert: {} }, /convert must be a function/],
    [{ sidebyside: true }, /has no option "sidebyside"/],
    [null, /takes an object of options/],
  ])('refuses %o for both systems', (options, message) => {
    const make = [connectDatastoreSessions, viurCoreSessions] as unknown as ((
      given: unknown,
    ) => unknown)[]
    for (const each of make) {
      const given = options === null ? null : { cookie: 'old', ...options }
      expect(() => each(given)).toThrow(SessionConfigError)
      expect(() => each(given)).toThrow(message)
    }
  })

  it.each([
    [{ expirationMs: -1 }, /expirationMs must be whole milliseconds/],
    [{ expirationMs: '1h' }, /expirationMs/],
    [{ cookie: '' }, /cookie must be the name/],
    [{ secrets: 'one' }, /secrets must be an array/],
    [{ secrets: [''] }, /secrets must be an array/],
  ])('refuses %o of connect-datastore', (options, message) => {
    expect(() => connectDatastoreSessions(options as object)).toThrow(message)
  })

  it.each([
    [{ lifetime: 0 }, /lifetime must be a positive duration/],
    [{ userFields: 'name' }, /userFields must be an array/],
    [{ userFields: ['name', 'password'] }, /userFields must not name "password"/],
    [{ userFields: ['otp_app_secret'] }, /userFields must not name/],
  ])('refuses %o of viur-core', (options, message) => {
    expect(() => viurCoreSessions({ cookie: 'old', ...options } as object)).toThrow(message)
  })

  it('names the cookie of viur-core after the project', async () => {
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', '')
    vi.stubEnv('GCLOUD_PROJECT', '')
    expect(() => viurCoreSessions()).toThrow(/GOOGLE_CLOUD_PROJECT names no project/)
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'my-project')
    const lookups: string[] = []
    const lookup = async (request: { keys: object[] }) => {
      lookups.push(JSON.stringify(request))
      return [{ missing: request.keys.map((key) => ({ entity: { key } })) }]
    }
    const watched = datastoreStore({ projectId: 'p', client: { ...client, lookup } })
    const sessions = createSessions({ legacy: viurCoreSessions(), store: watched })
    const id = 'a1'.repeat(21)
    await sessions.open({ cookie: `viur_cookie_my-project=${id}` }).load()
    expect(lookups.join()).toContain(id)
  })

  it('needs the store that the old sessions are in', () => {
    const legacy = viurCoreSessions({ cookie: 'old' })
    expect(() => createSessions({ legacy })).toThrow(/legacy needs the store/)
    expect(() => createSessions({ legacy, store })).not.toThrow()
  })

  it('refuses a value that is no reader of old sessions', () => {
    const legacy = { system: 'viur-core' } as never
    expect(() => createSessions({ legacy, store })).toThrow(/legacy must be the result/)
  })

  it('needs the secrets of express-session where requests come with its cookie', () => {
    const unsigned = connectDatastoreSessions()
    expect(() => createSessions({ legacy: unsigned, store })).toThrow(/needs the option secrets/)
    const signed = connectDatastoreSessions({ secrets: ['keyboard cat'] })
    expect(() => createSessions({ legacy: signed, store })).not.toThrow()
  })

  it('does not show secrets', () => {
    const source = connectDatastoreSessions({ secrets: ['keyboard cat'] })
    expect(JSON.stringify(source)).not.toContain('keyboard')
  })
})
