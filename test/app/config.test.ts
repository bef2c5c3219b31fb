import { describe, expect, it } from 'vitest'
import { configFrom, EnvironmentError } from '../../src/app/config.ts'

describe('configFrom', () => {
  it('keeps to this machine and its memory where nothing is set', () => {
    expect(configFrom({})).toEqual({
      port: 8080,
      host: '127.0.0.1',
      storeName: 'memory',
      sqliteFile: null,
      secrets: [],
      behindProxy: false,
      caller: { kind: 'local' },
      queue: { kind: 'process' },
      access: { kind: 'local' },
    })
  })

  it('is on Datastore, open and behind a proxy on App Engine and Cloud Run', () => {
    const appEngine = { GAE_ENV: 'standard', CLOUD_TASKS_LOCATION: 'europe-west1' }
    for (const environment of [appEngine, { K_SERVICE: 'demo' }]) {
      expect(configFrom({ ...environment, PORT: '8081' })).toMatchObject({
        port: 8081,
        host: undefined,
        storeName: 'datastore',
        behindProxy: true,
      })
    }
  })

  it('keeps to this machine, and believes no proxy, where Google sends no visitors', () => {
    for (const name of [
      'FUNCTION_TARGET',
      'FUNCTION_SIGNATURE_TYPE',
      'CLOUD_RUN_JOB',
      'GAE_SERVICE',
    ]) {
      expect(configFrom({ [name]: 'x' })).toMatchObject({
        host: '127.0.0.1',
        behindProxy: false,
        // The rest is as on Google Cloud, since it may be Google Cloud all the same.
        storeName: 'datastore',
        caller: { kind: 'none' },
      })
    }
    const emulator = { FUNCTIONS_EMULATOR: 'true', FUNCTION_TARGET: 'x', K_SERVICE: 'x' }
    expect(configFrom(emulator)).toMatchObject({ host: '127.0.0.1', behindProxy: false })
  })

  it('is on the emulator where there is one, and on what was asked for', () => {
    const emulator = { DATASTORE_EMULATOR_HOST: '127.0.0.1:8081' }
    expect(configFrom(emulator).storeName).toBe('emulator')
    expect(configFrom({ ...emulator, SESSION_STORE: 'memory' }).storeName).toBe('memory')
    expect(configFrom({ ...emulator, SESSION_STORE: 'datastore' }).storeName).toBe('emulator')
    expect(configFrom({ SESSION_STORE: 'datastore' }).storeName).toBe('datastore')
    expect(configFrom({ K_SERVICE: 'demo', SESSION_STORE: 'memory' }).storeName).toBe('memory')
  })

  it('is in a file of SQLite where it is asked for, and never on Google Cloud', () => {
    const sqlite = { SESSION_STORE: 'sqlite' }
    expect(configFrom(sqlite)).toMatchObject({ storeName: 'sqlite', sqliteFile: 'sessions.db' })
    const emulator = { DATASTORE_EMULATOR_HOST: '127.0.0.1:8081' }
    expect(configFrom({ ...sqlite, ...emulator, SESSION_FILE: '/tmp/a.db' })).toMatchObject({
      storeName: 'sqlite',
      sqliteFile: '/tmp/a.db',
    })
    expect(() => configFrom({ ...sqlite, K_SERVICE: 'web' })).toThrow(/one machine/)
    expect(() => configFrom({ SESSION_FILE: 'a.db' })).toThrow(/SESSION_STORE=sqlite/)
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

describe('callers and tasks of the sweep', () => {
  const location = { CLOUD_TASKS_LOCATION: 'europe-west1' }
  const caller = {
    SWEEP_AUDIENCE: 'https://web.example.com',
    SWEEP_SERVICE_ACCOUNTS: 'a@b.c, d@e.f',
  }
  const tasks = {
    CLOUD_TASKS_TARGET: 'https://web.example.com',
    CLOUD_TASKS_SERVICE_ACCOUNT: 'd@e.f',
  }

  it('is App Engine there', () => {
    expect(configFrom({ GAE_ENV: 'standard', ...location })).toMatchObject({
      caller: { kind: 'app-engine' },
      queue: { kind: 'app-engine' },
    })
    expect(() => configFrom({ GAE_ENV: 'standard' })).toThrow(/CLOUD_TASKS_LOCATION.*europe-west1/)
    expect(() => configFrom({ GAE_ENV: 'standard', ...location, ...caller })).toThrow(/unset them/)
  })

  it('is nobody on Cloud Run until it is told who', () => {
    expect(configFrom({ K_SERVICE: 'web' })).toMatchObject({
      caller: { kind: 'none' },
      queue: { kind: 'process' },
    })
    const oidc = {
      kind: 'oidc',
      audience: 'https://web.example.com',
      serviceAccounts: ['a@b.c', 'd@e.f'],
    }
    expect(configFrom({ K_SERVICE: 'web', ...caller })).toMatchObject({
      caller: oidc,
      queue: { kind: 'process' },
    })
    expect(configFrom({ K_SERVICE: 'web', ...caller, ...tasks, ...location })).toMatchObject({
      caller: oidc,
      queue: {
        kind: 'http',
        url: 'https://web.example.com/_sessions/task',
        serviceAccountEmail: 'd@e.f',
        audience: 'https://web.example.com',
      },
    })
  })

  it('is the local server that emulator.sh --tasks starts', () => {
    const emulator = {
      CLOUD_TASKS_EMULATOR_HOST: '127.0.0.1:8123',
      CLOUD_TASKS_LOCATION: 'local',
      CLOUD_TASKS_TARGET: 'http://127.0.0.1:8080',
    }
    expect(configFrom(emulator)).toMatchObject({
      caller: { kind: 'local' },
      queue: { kind: 'server', host: '127.0.0.1:8123' },
    })
  })

  it('says what is missing where half of it is set', () => {
    const says = (environment: Record<string, string>, words: RegExp): void => {
      expect(() => configFrom(environment)).toThrow(EnvironmentError)
      expect(() => configFrom(environment)).toThrow(words)
    }
    const { SWEEP_AUDIENCE, SWEEP_SERVICE_ACCOUNTS } = caller
    says({ SWEEP_AUDIENCE }, /^SWEEP_SERVICE_ACCOUNTS is missing/)
    says({ SWEEP_SERVICE_ACCOUNTS }, /^SWEEP_AUDIENCE is missing/)
    const { CLOUD_TASKS_TARGET, CLOUD_TASKS_SERVICE_ACCOUNT } = tasks
    says({ ...caller, CLOUD_TASKS_TARGET }, /^CLOUD_TASKS_SERVICE_ACCOUNT is missing/)
    says({ ...caller, CLOUD_TASKS_SERVICE_ACCOUNT }, /^CLOUD_TASKS_TARGET is missing/)
    says({ ...tasks, ...location }, /must be one of SWEEP_SERVICE_ACCOUNTS/)
    says(
      { ...caller, ...tasks, ...location, CLOUD_TASKS_SERVICE_ACCOUNT: 'x@y.z' },
      /must be one of SWEEP_SERVICE_ACCOUNTS/,
    )
    says({ ...caller, ...tasks }, /^CLOUD_TASKS_LOCATION is missing/)
    for (const url of [
      'http://web.example.com',
      'https://web.example.com/task',
      'web',
      'https://u:p@x.y',
    ]) {
      says({ ...caller, ...tasks, ...location, CLOUD_TASKS_TARGET: url }, /base URL/)
    }
  })

  it('opens the console to this machine in development, and to nobody else', () => {
    expect(configFrom({}).access).toEqual({ kind: 'local' })
    const appEngine = { GAE_ENV: 'standard', CLOUD_TASKS_LOCATION: 'europe-west1' }
    for (const environment of [{ NODE_ENV: 'production' }, { K_SERVICE: 'web' }, appEngine])
      expect(configFrom(environment).access).toEqual({ kind: 'none' })
  })

  it('opens the console to operators behind Identity-Aware Proxy', () => {
    const variables = {
      K_SERVICE: 'web',
      CONSOLE_AUDIENCE: '/projects/1/locations/europe-west1/services/web',
      CONSOLE_USERS: 'olga@example.com, otto@example.com',
    }
    expect(configFrom(variables).access).toEqual({
      kind: 'iap',
      audience: '/projects/1/locations/europe-west1/services/web',
      users: ['olga@example.com', 'otto@example.com'],
    })
    const wrong = [
      ['CONSOLE_AUDIENCE', ''],
      ['CONSOLE_AUDIENCE', 'https://web.example.com'],
      ['CONSOLE_USERS', ''],
      ['CONSOLE_USERS', 'olga'],
    ] as const
    for (const [name, value] of wrong) {
      const attempt = () => configFrom({ ...variables, [name]: value })
      expect(attempt).toThrow(EnvironmentError)
      expect(attempt).toThrow(new RegExp(`^${name} must be `))
    }
  })
})
