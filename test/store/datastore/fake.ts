import { createHash } from 'node:crypto'
import type { SessionKey } from '../../../src/record/id.ts'
import type { SessionRecord } from '../../../src/record/record.ts'

type Json = Record<string, unknown>

interface Stored {
  readonly properties: Json
  readonly version: number
}

interface KeyJson {
  readonly path: readonly { readonly kind: string; readonly name: string }[]
}

/** One mutation as the store sends it. */
export interface SentMutation {
  readonly insert?: { key: KeyJson; properties: Json }
  readonly update?: { key: KeyJson; properties: Json }
  readonly upsert?: { key: KeyJson; properties: Json }
  readonly delete?: KeyJson
  readonly baseVersion?: string
  readonly conflictResolutionStrategy?: string
}

/** One call as the fake received it. */
export interface Call {
  readonly method: 'lookup' | 'commit' | 'runQuery'
  readonly request: Json & { keys?: KeyJson[]; mutations?: SentMutation[]; mode?: string }
  readonly options: Json
}

/** Answers a call: with an answer of its own, or with that of the server, by `serve()`. */
export type Script = (call: Call, serve: () => Json) => Json | Promise<Json>

/** An error as the driver throws it. */
export function grpcError(code: number, message = 'from the fake'): Error {
  return Object.assign(new Error(`${code} ${message}`), { code })
}

/** A promise, and the two ways to settle it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** The low-level client with its own Datastore, which behaves as documented. Every call can be scripted. */
export class FakeClient {
  readonly calls: Call[] = []
  readonly entities = new Map<string, Stored>()
  script: Script = (_call, serve) => serve()
  inFlight = 0
  mostInFlight = 0
  /** False: like the newer emulator, which writes even if the version is stale. */
  skipsStale = true
  #version = 100

  lookup(request: object, options?: object): Promise<unknown> {
    return this.#call('lookup', request, options)
  }

  commit(request: object, options?: object): Promise<unknown> {
    return this.#call('commit', request, options)
  }

  runQuery(request: object, options?: object): Promise<unknown> {
    return this.#call('runQuery', request, options)
  }

  /** Returns the calls of one method, without those of the probe. */
  sent(method: Call['method']): Call[] {
    return this.calls.filter((call) => call.method === method && !isProbe(call))
  }

  async #call(method: Call['method'], request: object, options: object = {}): Promise<unknown> {
    const call = { method, request, options } as Call
    this.calls.push(call)
    this.inFlight += 1
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight)
    try {
      const serve = (): Json => (method === 'lookup' ? this.#lookup(call) : this.#commit(call))
      return [await this.script(call, serve), undefined, undefined]
    } finally {
      this.inFlight -= 1
    }
  }

  #lookup({ request }: Call): Json {
    const found: Json[] = []
    const missing: Json[] = []
    for (const key of request.keys ?? []) {
      const stored = this.entities.get(nameOf(key))
      if (stored === undefined) missing.push({ entity: { key }, version: '0' })
      else
        found.unshift({
          entity: { key, properties: stored.properties },
          version: `${stored.version}`,
        })
    }
    return { found, missing, deferred: [] }
  }

  #commit({ request }: Call): Json {
    const mutations = request.mutations ?? []
    const names = mutations.map((mutation) => nameOf(keyOfSent(mutation)))
    if (new Set(names).size !== names.length) throw grpcError(3, 'the same entity twice')
    if (request.mode === 'TRANSACTIONAL') {
      const before = new Map(this.entities)
      try {
        return { mutationResults: mutations.map((mutation) => this.#apply(mutation)) }
      } catch (error) {
        this.entities.clear()
        for (const [name, stored] of before) this.entities.set(name, stored)
        throw error
      }
    }
    let failure: unknown = null
    const mutationResults = mutations.map((mutation) => {
      try {
        return this.#apply(mutation)
      } catch (error) {
        failure ??= error
        return {}
      }
    })
    if (failure !== null) throw failure
    return { mutationResults }
  }

  #apply(mutation: SentMutation): Json {
    const name = nameOf(keyOfSent(mutation))
    const stored = this.entities.get(name)
    const isStale =
      mutation.baseVersion !== undefined && String(stored?.version ?? 0) !== mutation.baseVersion
    if (mutation.insert !== undefined && stored !== undefined) throw grpcError(6, 'already exists')
    if (mutation.update !== undefined && stored === undefined) throw grpcError(5, 'not found')
    if (isStale && mutation.conflictResolutionStrategy === 'FAIL') throw grpcError(9, 'stale')
    if (isStale && this.skipsStale) {
      return { version: String(stored?.version ?? 0), conflictDetected: true }
    }
    this.#version += 1
    const entity = mutation.insert ?? mutation.update ?? mutation.upsert
    if (entity === undefined) this.entities.delete(name)
    else this.entities.set(name, { properties: entity.properties, version: this.#version })
    return { version: String(this.#version), conflictDetected: false }
  }
}

/** Whether the probe made this call. */
export function isProbe({ request }: Call): boolean {
  const key = request.keys?.[0] ?? (request.mutations?.[0] && keyOfSent(request.mutations[0]))
  return key?.path[0]?.kind.endsWith('-probe') ?? false
}

/** Returns the key names of a call. */
export function namesOf({ request }: Call): string[] {
  return [...(request.keys ?? []), ...(request.mutations ?? []).map(keyOfSent)].map(
    (key) => key.path[0]?.name ?? '',
  )
}

function keyOfSent(mutation: SentMutation): KeyJson {
  const key =
    mutation.delete ?? (mutation.insert ?? mutation.update ?? mutation.upsert)?.key ?? null
  if (key === null) throw new Error('a mutation without a key')
  return key
}

function nameOf(key: KeyJson): string {
  return `${key.path[0]?.kind}/${key.path[0]?.name}`
}

/** Returns a key with the form of a session key. */
export function keyNamed(text: string | number): SessionKey {
  return createHash('sha256').update(String(text)).digest('base64url') as SessionKey
}

/** A time in 2026, which all tests use. */
export const NOW = 1_770_000_000_123

/** Makes a record with realistic values. */
export function recordOf(key: SessionKey, changes: Partial<SessionRecord> = {}): SessionRecord {
  return {
    key,
    data: '1 payload',
    user: 'someone',
    created: NOW,
    lastSeen: NOW,
    authenticated: null,
    expires: NOW + 3_600_000,
    expiry: null,
    ended: null,
    reason: null,
    rev: 'rev-1',
    ...changes,
  }
}
