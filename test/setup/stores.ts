import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { memoryStore, type SessionStore } from '../../src/index.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { sqliteStore } from '../../src/store/sqlite/index.ts'
import { IN_SLOW } from './matrix.ts'

/** One kind of store to run a suite on. */
export interface StoreKind {
  readonly name: string
  /** Why the suite is left out, or `null`. */
  readonly missing: string | null
  /** The address of the emulator; `null` for stores without one. */
  readonly host: string | null
  /**
   * Makes an empty store. Two stores with the same `space` see the same sessions, like two processes. `shards`: of a
   * store on an emulator, by default 4. A sweep queries each, so that the usual 16 would take most of the time.
   */
  make(options?: { now?: () => number; space?: string; shards?: number }): SessionStore
}

/** The transport of a store on an emulator. */
interface EmulatorKind {
  readonly transport: 'grpc' | 'client'
}

/** Returns a name that no other test uses. */
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
    // `emulatorStore()` sets the variable only while it makes the store.
    make: ({ space = uniqueSpace(), shards = 4 } = {}) =>
      emulatorStore(host as string, space, { transport, shards }),
  }
}

/**
 * Makes a Datastore store on the emulator at this address. On a busy machine an emulator may take seconds for a call,
 * so the default deadline of calls is a minute here.
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

/** The memory store, which is always available. */
export const MEMORY: StoreKind = {
  name: 'memory',
  missing: null,
  host: null,
  make: ({ now } = {}) => memoryStore(now === undefined ? {} : { now }),
}

/** Returns the directory of the files of {@link SQLITE}: one for each process, in memory if possible. */
function sqliteDirectory(): string {
  const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const directory = join(place, `viur-session-tests-${process.pid}`)
  if (!existsSync(directory)) {
    mkdirSync(directory)
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  }
  return directory
}

/** An SQLite file, on a Node that has `node:sqlite`. */
const SQLITE: StoreKind = {
  name: 'SQLite',
  missing:
    process.getBuiltinModule('node:sqlite') === undefined ? 'needs Node 22.13 or newer' : null,
  host: null,
  make: ({ space = uniqueSpace() } = {}) =>
    sqliteStore({ file: join(sqliteDirectory(), `${space}.db`) }),
}

/** The stores without an emulator. On an older Node the contract suite reports that SQLite is left out. */
const HERE: readonly StoreKind[] = SQLITE.missing === null ? [MEMORY, SQLITE] : [MEMORY]

const OLDER = process.env['DATASTORE_EMULATOR_HOST']
const NEWER = process.env['VIUR_TEST_NEWER_EMULATOR_HOST']

/**
 * Datastore on both emulator programs, over one transport each. A file that names them belongs to the project
 * *emulator*.
 */
export const EMULATORS: readonly (StoreKind & EmulatorKind)[] = [
  emulated('Datastore emulator', OLDER, 'grpc'),
  emulated('Firestore emulator', NEWER, 'client'),
]

/** {@link EMULATORS}; in the project *slow*, each program over the other transport. */
export const EMULATORS_BY_TRANSPORT: readonly (StoreKind & EmulatorKind)[] = IN_SLOW
  ? [
      emulated('Datastore emulator by the client of Google', OLDER, 'client'),
      emulated('Firestore emulator over gRPC', NEWER, 'grpc'),
    ]
  : [
      emulated('Datastore emulator over gRPC', OLDER, 'grpc'),
      emulated('Firestore emulator by the client of Google', NEWER, 'client'),
    ]

/**
 * Returns the kinds of stores of this project. A `long` file is only in the project *emulator* and runs on all kinds.
 */
function kindsWith(emulators: readonly StoreKind[]): readonly StoreKind[] {
  const isLong = expect.getState().testPath?.endsWith('.long.test.ts') === true
  const stores = isLong
    ? 'all'
    : (process.env['VIUR_TEST_STORES'] as 'memory' | 'emulators' | 'all')
  return { memory: HERE, emulators, all: [...HERE, ...emulators] }[stores]
}

/** The kinds of stores that this project tests. A suite on them runs on all kinds, here or in another project. */
export const STORE_KINDS: readonly StoreKind[] = kindsWith(EMULATORS)

/** {@link STORE_KINDS}; in the project *slow*, each emulator program over the other transport. */
export const STORE_KINDS_BY_TRANSPORT: readonly StoreKind[] = IN_SLOW
  ? EMULATORS_BY_TRANSPORT
  : kindsWith(EMULATORS_BY_TRANSPORT)
