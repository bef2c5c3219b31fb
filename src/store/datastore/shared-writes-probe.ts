import { randomBytes } from 'node:crypto'
import type { Connection, Request } from './connection.ts'
import type { EntityLayout } from './entity-codec.ts'
import { child, isFlagged, keyIn, listIn, nameOf, versionOf } from './values.ts'
import { codeOf } from '../../google/grpc-errors.ts'
import type { Version } from '../../record/record.ts'

/** gRPC codes by which a server refuses a mutation that the probe has to see skipped or applied. */
const WRONG_ANSWERS: readonly (number | null)[] = [3, 5, 6, 9, 12]

/** An answer that rules shared writes out on this server. */
class WrongAnswer extends Error {}

/**
 * Whether this server skips and flags a mutation of a stale version and applies the rest, as documented for the
 * default conflict strategy. The Firestore emulator of Cloud SDK 528 writes anyway. Tried on one random key of
 * the kind `<kind>-probe`, which is gone afterwards. Rejects when the server could not be asked.
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

  /** Removes what an interrupted or failed run left behind, as well as the server lets it. */
  async tidy(): Promise<void> {
    if (this.#clean) return
    try {
      await this.#commit((key) => ({ delete: key }))
    } catch {
      // One tiny entity of a kind of its own, which nothing ever reads.
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
    const properties = child(child(result, 'entity'), 'properties')
    expect(child(child(properties, 'mark'), 'stringValue') === mark, 'an entity is unchanged')
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
  return { key, properties: { mark: { stringValue: mark, excludeFromIndexes: true } } }
}

function expect(fact: boolean, what: string): void {
  if (!fact) throw new WrongAnswer(what)
}
