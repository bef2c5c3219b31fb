import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { formatWithOptions } from 'node:util'
import { afterAll, afterEach, expect, vi } from 'vitest'
import type { SessionLogger, SessionStore, SessionsOptions, Trouble } from '../../src/index.ts'
import { scanner } from './scanner.ts'

/**
 * Runs before each test file. It scans all logs, published messages, events, errors and stored data of the suite: none
 * may contain a raw id, a security key or a secret for cookies. Randomness, logger, store and queue are watched in the
 * options of every `createSessions()`. Nothing is replaced; all calls are passed on.
 */
const { settingsOf, errorsOf, eventsOf, hooks } = vi.hoisted(() => ({
  settingsOf: '../../src/options.ts',
  errorsOf: '../../src/base/errors.ts',
  eventsOf: '../../src/end/events.ts',
  /** The hooks of this run of this file, so that a hook that no longer works is noticed. */
  hooks: new WeakSet<object>(),
}))

type Options = typeof import('../../src/options.ts')
type Errors = typeof import('../../src/base/errors.ts')
type Events = typeof import('../../src/end/events.ts')

vi.mock(settingsOf, async (original) => {
  const real = await original<Options>()
  const settingsFrom: Options['settingsFrom'] = (options) => real.settingsFrom(watched(options))
  hooks.add(settingsFrom)
  return { ...real, settingsFrom }
})

vi.mock(eventsOf, async (original) => {
  const real = await original<Events>()
  const eventOf: Events['eventOf'] = (record, codec) => {
    const event = real.eventOf<never>(record, codec)
    // Without the data, which is only decoded when it is read. It is scanned when it is stored.
    const { id, key, user, reason } = event
    scanner.scan('an event for observers', text({ id, key, user, reason }))
    return event
  }
  hooks.add(eventOf)
  return { ...real, eventOf }
})

vi.mock(errorsOf, async (original) => {
  const real = await original<Errors>()
  // The base class of all errors shows their messages, since `super()` calls it for each error.
  const shown = new Proxy(Error, {
    construct(target, args: [string?, ErrorOptions?], made) {
      const [message, options] = args
      scanner.scan('the message of an error', `${message} ${options?.cause}`)
      return Reflect.construct(target, args, made) as object
    },
  })
  Object.setPrototypeOf(real.SessionError, shown)
  hooks.add(shown)
  return real
})

/** All channels, which the types ensure. A test ensures that they are subscribed. */
const CHANNELS = Object.keys({
  'unknown-ids': true,
  'ended-id': true,
  'key-refused': true,
  'origin-refused': true,
  'caller-refused': true,
  conflict: true,
  gone: true,
  unreadable: true,
  warning: true,
} satisfies Record<Trouble['kind'], true>)

function heard(trouble: unknown): void {
  scanner.scan('a diagnostics channel', text(trouble))
}

for (const kind of CHANNELS) subscribe(`viur-session:${kind}`, heard)

const LEVELS = ['log', 'info', 'warn', 'error', 'debug'] as const

const quiet = { ...console }

for (const level of LEVELS) {
  const say = console[level].bind(console)
  console[level] = (...parts: unknown[]) => {
    scanner.scan('the console', formatWithOptions({ depth: 10 }, ...parts))
    if (!scanner.muted) say(...parts)
  }
}

afterAll(async () => {
  // Everything that a test file has loaded uses these three, unless one was moved or renamed.
  const { settingsFrom } = await import('../../src/options.ts')
  const { eventOf } = await import('../../src/end/events.ts')
  const { SessionError } = await import('../../src/base/errors.ts')
  const places = {
    settingsFrom,
    eventOf,
    SessionError: Object.getPrototypeOf(SessionError) as object,
  }
  const blind = Object.entries(places).filter(([, hook]) => !hooks.has(hook))
  expect(blind, 'functions that test/setup/watch.ts no longer watches').toEqual([])
  for (const kind of CHANNELS) unsubscribe(`viur-session:${kind}`, heard)
  for (const level of LEVELS) console[level] = quiet[level]
})

afterEach(() => {
  expect(scanner.take(), 'secrets where none may be').toEqual([])
})

function text(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) ??
    ''
  )
}

/** Returns the options with watched randomness, logger, store and queue. */
function watched(options: SessionsOptions): SessionsOptions {
  if (typeof options !== 'object' || options === null) return options
  for (const secret of options.cookie?.secrets ?? []) {
    if (typeof secret === 'string' && secret.length >= 32) scanner.phrase(secret)
  }
  return new Proxy(options, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name === 'randomBytes') return watchedRandom(value)
      if (typeof value !== 'object' || value === null) return value
      if (name === 'logger') return watchedLogger(value as SessionLogger)
      if (name === 'store') return watchedStore(value as SessionStore)
      if (name === 'tasks') return watchedCalls(value, 'a task')
      return value
    },
  })
}

function watchedRandom(draw: unknown): unknown {
  if (draw !== undefined && typeof draw !== 'function') return draw
  return (size: number): unknown => {
    const bytes: unknown = draw === undefined ? randomBytes(size) : draw(size)
    if (size === 32 && bytes instanceof Uint8Array) scanner.drawn(bytes)
    return bytes
  }
}

function watchedLogger(logger: SessionLogger): SessionLogger {
  return new Proxy(logger, {
    get(target, name) {
      const say: unknown = Reflect.get(target, name)
      if (typeof say !== 'function') return say
      return (...parts: unknown[]) => {
        scanner.scan('the log', formatWithOptions({ depth: 10 }, ...parts))
        return say.apply(target, parts) as unknown
      }
    },
  })
}

const stores = new WeakMap<SessionStore, SessionStore>()

/**
 * Returns the watched store, always the same one for a store, so that two `createSessions()` still see a shared store.
 */
function watchedStore(store: SessionStore): SessionStore {
  const known = stores.get(store) ?? watchedCalls(store, 'the store')
  stores.set(store, known)
  return known
}

/** Scans the data that is passed to the store, its notes and its keys, or to the queue. */
function watchedCalls<Target extends object>(target: Target, where: string): Target {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name)
      const isPart = (name === 'notes' || name === 'keys') && typeof value === 'object'
      if (isPart && value !== null) return watchedCalls(value, where)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (KEEPING.has(name)) scanner.scan(where, text(args))
        return value.apply(target, args) as unknown
      }
    },
  })
}

const KEEPING: ReadonlySet<string | symbol> = new Set([
  'write',
  'writeTogether',
  'writeEach',
  'put',
  'insert',
  'add',
])
