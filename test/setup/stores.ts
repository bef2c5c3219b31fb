import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { memoryStore, type SessionStore } from '../../src/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { sqliteStore } from '../../src/store/sqlite/index.ts'

/** One kind of store to run a suite on. */
export interface StoreKind {
  readonly name: string
  /** Why the suite is left out, or `null`. */
  readonly missing: string | null
  /** Where the emulator is; `null` for the memory store. */
  readonly host: string | null
  /** A fresh, empty store; two made with the same `space` see the same sessions, as two processes do. */
  make(options?: { now?: () => number; space?: string }): SessionStore
}

/** What a store on an emulator speaks to it by. */
interface EmulatorKind {
  readonly transport: 'grpc' | 'client'
}

/** A name that no other test uses. */
export function uniqueSpace(): string {
  return `t-${randomBytes(9).toString('hex')}`
}

function emulated(
  name: string,
  host: string | undefined,
  transport: 'grpc' | 'client',
): StoreKind & EmulatorKind {
  return {
    name,
    missing: host === undefined ? 'no emulator' : null,
    host: host ?? null,
    transport,
    make: ({ space = uniqueSpace() } = {}) => {
      // The store reads the environment when it first connects, so that it is set for that long only.
      return emulatorStore(host as string, space, { transport })
    },
  }
}

/**
 * A Datastore store on the emulator at this address. On a busy machine an emulator takes seconds for what else is done in one
 * millisecond: a minute is the deadline of every call, where a test does not say otherwise.
 */
export function emulatorStore(
  host: string,
  namespace: string,
  options: Parameters<typeof datastoreStore>[0] = {},
): SessionStore {
  const before = process.env['DATASTORE_EMULATOR_HOST']
  process.env['DATASTORE_EMULATOR_HOST'] = host
  try {
    return datastoreStore({ projectId: 'viur-session-test', namespace, deadline: '1m', ...options })
  } finally {
    if (before === undefined) delete process.env['DATASTORE_EMULATOR_HOST']
    else process.env['DATASTORE_EMULATOR_HOST'] = before
  }
}

/** The memory store, which there is always. */
export const MEMORY: StoreKind = {
  name: 'memory',
  missing: null,
  host: null,
  make: ({ now } = {}) => memoryStore(now === undefined ? {} : { now }),
}

/** Where the files of {@link SQLITE} are: one directory for a process, in memory where there is such a place. */
function sqliteDirectory(): string {
  const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const directory = join(place, `viur-session-tests-${process.pid}`)
  if (!existsSync(directory)) {
    mkdirSync(directory)
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  }
  return directory
}

/** A file of SQLite, on a Node that has it. */
const SQLITE: StoreKind = {
  name: 'SQLite',
  missing:
    process.getBuiltinModule('node:sqlite') === undefined ? 'needs Node 22.13 or newer' : null,
  host: null,
  make: ({ space = uniqueSpace() } = {}) =>
    sqliteStore({ file: join(sqliteDirectory(), `${space}.db`) }),
}

/** What a suite on all stores runs on without an emulator. On an older Node the contract says that SQLite is left out. */
const HERE: readonly StoreKind[] = SQLITE.missing === null ? [MEMORY, SQLITE] : [MEMORY]

const OLDER = process.env['DATASTORE_EMULATOR_HOST']
const NEWER = process.env['VIUR_TEST_NEWER_EMULATOR_HOST']

/**
 * Datastore on both emulator programs, over one transport each. A file that names them belongs to the project *emulator*.
 */
export const EMULATORS: readonly (StoreKind & EmulatorKind)[] = [
  emulated('Datastore emulator', OLDER, 'grpc'),
  emulated('Firestore emulator', NEWER, 'client'),
]

/** {@link EMULATORS}, and each program over the other transport too. */
export const EMULATORS_BY_TRANSPORT: readonly (StoreKind & EmulatorKind)[] = [
  emulated('Datastore emulator over gRPC', OLDER, 'grpc'),
  emulated('Datastore emulator by the client of Google', OLDER, 'client'),
  emulated('Firestore emulator over gRPC', NEWER, 'grpc'),
  emulated('Firestore emulator by the client of Google', NEWER, 'client'),
]

/** The kinds of stores of this project, with these of emulators. One that takes long is in no other project. */
function kindsWith(emulators: readonly StoreKind[]): readonly StoreKind[] {
  const isLong = expect.getState().testPath?.endsWith('.long.test.ts') === true
  const stores = isLong
    ? 'all'
    : (process.env['VIUR_TEST_STORES'] as 'memory' | 'emulators' | 'all')
  return { memory: HERE, emulators, all: [...HERE, ...emulators] }[stores]
}

/** Every kind of store that is this project's to test: a suite on them runs on all, here or in another project. */
export const STORE_KINDS: readonly StoreKind[] = kindsWith(EMULATORS)

/** {@link STORE_KINDS}, and each emulator program over the other transport too. */
export const STORE_KINDS_BY_TRANSPORT: readonly StoreKind[] = kindsWith(EMULATORS_BY_TRANSPORT)
