import { randomBytes } from 'node:crypto'
import type { Connection, Request } from './connection.ts'
import type { EntityLayout } from './entity-codec.ts'
import {
  asText,
  child,
  isFlagged,
  keyIn,
  listIn,
  nameOf,
  propertiesIn,
  text,
  versionOf,
} from './values.ts'
import { codeOf } from '../../google/grpc-errors.ts'
import type { Version } from '../../record/record.ts'

/** gRPC codes with which a server refuses a mutation that it should skip or apply. */
const WRONG_ANSWERS: readonly (number | null)[] = [3, 5, 6, 9, 12]

/** The server gave an answer that rules out shared writes. */
class WrongAnswer extends Error {}

/**
 * Tests whether this server skips and flags a mutation of a stale version and applies the others, as documented for the
 * default conflict strategy. The Firestore emulator of Cloud SDK 528 applies stale ones too. The test uses one random
 * key of the kind `<kind>-probe`, which is deleted afterwards. Rejects if the server could not be reached.
 */
export async function probeSharedWrites(
  connection: Connection,
  { kind }: EntityLayout,
): Promise<boolean> {
  const probe = new Probe(connection, `${kind}-probe`)
  try {
    await probe.run()
    return true
  } catch (error) {
    if (error instanceof WrongAnswer || WRONG_ANSWERS.includes(codeOf(error))) return false
    throw error
  } finally {
    await probe.tidy()
  }
}

class Probe {
  readonly #connection: Connection
  readonly #kind: string
  readonly #name = randomBytes(32).toString('base64url').replaceAll('_', '-')
  #clean = true

  constructor(connection: Connection, kind: string) {
    this.#connection = connection
    this.#kind = kind
  }

  async run(): Promise<void> {
    this.#clean = false
    const first = await this.#applied((key) => ({ insert: entity(key, 'first') }))
    const second = await this.#applied((key) => ({
      upsert: entity(key, 'second'),
      baseVersion: first,
    }))
    expect(first !== second, 'a write gives a new version')
    await this.#holds('second')
    await this.#skipped((key) => ({ upsert: entity(key, 'stale'), baseVersion: first }))
    await this.#holds('second')
    await this.#skipped((key) => ({ delete: key, baseVersion: first }))
    await this.#holds('second')
    await this.#applied((key) => ({ delete: key, baseVersion: second }))
    await this.#holds(null)
    await this.#skipped((key) => ({ upsert: entity(key, 'returned'), baseVersion: second }))
    await this.#holds(null)
    this.#clean = true
  }

  /** Tries to delete the entity that an interrupted or failed run has left. */
  async tidy(): Promise<void> {
    if (this.#clean) return
    try {
      await this.#commit((key) => ({ delete: key }))
    } catch {
      // Ignored: one tiny entity is left under a kind that is never read.
    }
  }

  async #applied(mutation: (key: object) => object): Promise<Version> {
    const result = await this.#commit(mutation)
    expect(!isFlagged(result), 'a right write is applied')
    return versionOf(result) ?? ''
  }

  async #skipped(mutation: (key: object) => object): Promise<void> {
    const result = await this.#commit(mutation)
    expect(isFlagged(result), 'a stale write is flagged')
  }

  async #holds(mark: string | null): Promise<void> {
    const response = await this.#call('lookup', (key) => ({ keys: [key] }))
    const [result] = listIn(response, mark === null ? 'missing' : 'found')
    expect(nameOf(result) === this.#name, 'an entity is there, or not')
    if (mark === null) return
    expect(asText(child(propertiesIn(result), 'mark')) === mark, 'an entity is unchanged')
  }

  async #commit(mutation: (key: object) => object): Promise<unknown> {
    const response = await this.#call('commit', (key) => ({
      mode: 'NON_TRANSACTIONAL',
      mutations: [mutation(key)],
    }))
    const results = listIn(response, 'mutationResults')
    expect(results.length === 1, 'each mutation has its result')
    return results[0]
  }

  #call(method: 'lookup' | 'commit', request: Request): Promise<unknown> {
    return this.#connection.call(method, (partitionId) =>
      request(keyIn(partitionId, this.#kind, this.#name)),
    )
  }
}

function entity(key: object, mark: string): object {
  return { key, properties: { mark: text(mark) } }
}

function expect(fact: boolean, what: string): void {
  if (!fact) throw new WrongAnswer(what)
}
