import { SessionStoreError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import type { SessionKey } from '../record/id.ts'
import type { Mutation, NoteStore, SecurityKeyStore, SessionStore } from '../store/store.ts'
import { type Gate, gate } from './gate.ts'

/** The calls of a store that can be counted, failed and held. */
export type StoreMethod =
  | 'find'
  | 'write'
  | 'writeTogether'
  | 'writeEach'
  | 'page'
  | 'pageKeys'
  | 'note'
  | 'key'

/** One call that reached the store. Contains no key and no data. */
export interface StoreCall {
  /** The called method. */
  readonly method: StoreMethod
  /** The kinds of its writes: one for `write`, several for `writeTogether`, none for the others. */
  readonly kinds: readonly Mutation['kind'][]
}

/** Selects the calls that fail, and their error. */
export interface FailOptions {
  /** Only calls of this method count and fail. Default: all. */
  readonly method?: StoreMethod
  /**
   * The error to throw. Default: a retryable `SessionStoreError`. Its `effect` is `none` for a call that fails before
   * it is passed on, and `unknown` for a call that fails afterwards.
   */
  readonly error?: unknown
}

/** Selects the call that is held, and the moment. */
export interface HoldOptions {
  /** Holds only a call of this method. Default: the next call of any method. */
  readonly method?: StoreMethod
  /** Whether the call waits before it is passed on, or before its answer is returned. Default `before`. */
  readonly when?: 'before' | 'after'
}

/** Holds one call. */
export interface StoreGate {
  /** Resolves when the call has reached the gate. */
  readonly reached: Promise<void>
  /** Lets the call continue. When called before the call arrives, that call will not be held. */
  release(): void
}

/** A store that passes calls on to another store, until a test makes it fail. */
export interface FailingStore extends SessionStore {
  /** Every call since the start, or since `clearCalls()`, in order. */
  readonly calls: readonly StoreCall[]
  /** How many of the calls were `find`. */
  readonly finds: number
  /** How many of the calls were `write` or `writeTogether`. */
  readonly writes: number
  /** Forgets the calls so far, and starts counting again. */
  clearCalls(): void
  /**
   * Fails the `n`-th call from now on, counted from 1. `before`: it is not passed on; `after`: it is passed on, and
   * then its answer is lost.
   */
  failAt(n: number, when: 'before' | 'after', options?: FailOptions): void
  /** Fails the next call. */
  failNext(when: 'before' | 'after', options?: FailOptions): void
  /** Fails every call, until the returned function is called. */
  failAlways(when: 'before' | 'after', options?: FailOptions): () => void
  /**
   * Answers every write with a conflict and passes none on, until the returned function is called. This includes
   * inserting and using security keys.
   */
  conflictAlways(): () => void
  /** Holds the next matching call, so that a test can do something else meanwhile. */
  hold(options?: HoldOptions): StoreGate
}

/** Wraps a store so that a test can count its calls, make them fail before or after their effect, and hold them. */
export function failingStore(store: SessionStore): FailingStore {
  return new ControlledStore(store)
}

interface Failure {
  readonly when: 'before' | 'after'
  readonly method: StoreMethod | undefined
  readonly error: unknown
  /** How many matching calls may still pass; `null` fails every one. */
  left: number | null
}

interface Hold {
  readonly when: 'before' | 'after'
  readonly method: StoreMethod | undefined
  readonly gate: Gate
}

type Asked<Method extends Exclude<StoreMethod, 'note' | 'key'>> = Parameters<SessionStore[Method]>

type Answered<Method extends Exclude<StoreMethod, 'note' | 'key'>> = ReturnType<
  SessionStore[Method]
>

class ControlledStore implements FailingStore {
  readonly name: string
  readonly shards: number
  readonly sweepRate: number
  readonly deadline?: number
  readonly bucket?: number
  /** Counts as `writeTogether`. */
  readonly writeWithNote?: NonNullable<SessionStore['writeWithNote']>
  readonly #store: SessionStore
  #calls: StoreCall[] = []
  #failures: Failure[] = []
  #holds: Hold[] = []
  #conflicts = 0

  constructor(store: SessionStore) {
    this.#store = store
    this.name = store.name
    this.shards = store.shards
    this.sweepRate = store.sweepRate ?? Number.POSITIVE_INFINITY
    if (store.deadline !== undefined) this.deadline = store.deadline
    if (store.bucket !== undefined) this.bucket = store.bucket
    const write = store.writeWithNote?.bind(store)
    if (write !== undefined) {
      this.writeWithNote = (mutations, ...asked) =>
        this.#call('writeTogether', mutations, () => write(mutations, ...asked), true)
    }
  }

  get calls(): readonly StoreCall[] {
    return this.#calls
  }

  get finds(): number {
    return this.#calls.filter(({ method }) => method === 'find').length
  }

  get writes(): number {
    return this.#calls.filter(({ kinds }) => kinds.length > 0).length
  }

  clearCalls(): void {
    this.#calls = []
  }

  find(...asked: Asked<'find'>): Answered<'find'> {
    return this.#call('find', [], () => this.#store.find(...asked))
  }

  write(...asked: Asked<'write'>): Answered<'write'> {
    return this.#call('write', [asked[0]], () => this.#store.write(...asked))
  }

  writeTogether(...asked: Asked<'writeTogether'>): Answered<'writeTogether'> {
    return this.#call('writeTogether', asked[0], () => this.#store.writeTogether(...asked))
  }

  writeEach(...asked: Asked<'writeEach'>): Answered<'writeEach'> {
    return this.#call('writeEach', asked[0], () => this.#store.writeEach(...asked))
  }

  page(...asked: Asked<'page'>): Answered<'page'> {
    return this.#call('page', [], () => this.#store.page(...asked))
  }

  pageKeys(...asked: Asked<'pageKeys'>): Answered<'pageKeys'> {
    return this.#call('pageKeys', [], () => this.#store.pageKeys(...asked))
  }

  /** Calls of notes count as `note`, whatever their method. */
  get notes(): NoteStore {
    const { notes } = this.#store
    const many = notes.getMany?.bind(notes)
    return {
      get: (...asked) => this.#call('note', [], () => notes.get(...asked)),
      ...(many !== undefined && {
        getMany: (...asked) => this.#call('note', [], () => many(...asked)),
      }),
      put: (...asked) => this.#call('note', [], () => notes.put(...asked)),
      delete: (...asked) => this.#call('note', [], () => notes.delete(...asked)),
      list: (...asked) => this.#call('note', [], () => notes.list(...asked)),
    }
  }

  /** Calls of security keys count as `key`, whatever their method. */
  get keys(): SecurityKeyStore {
    const { keys } = this.#store
    return {
      insert: (...asked) => this.#call('key', [], () => keys.insert(...asked), true),
      find: (...asked) => this.#call('key', [], () => keys.find(...asked)),
      use: (...asked) => this.#call('key', [], () => keys.use(...asked), true),
      page: (selection, options) => this.#call('key', [], () => keys.page(selection, options)),
      remove: (names) => this.#call('key', [], () => keys.remove(names)),
    }
  }

  ready(): Promise<void> {
    const { ready } = this.#store
    return ready === undefined
      ? this.find('A'.repeat(43) as SessionKey).then(() => undefined)
      : ready.call(this.#store)
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  failAt(n: number, when: 'before' | 'after', options: FailOptions = {}): void {
    if (!Number.isSafeInteger(n) || n < 1) throw new RangeError('failAt() counts calls from 1')
    this.#addFailure(n - 1, when, options)
  }

  failNext(when: 'before' | 'after', options: FailOptions = {}): void {
    this.#addFailure(0, when, options)
  }

  failAlways(when: 'before' | 'after', options: FailOptions = {}): () => void {
    const failure = this.#addFailure(null, when, options)
    return () => {
      this.#failures = this.#failures.filter((other) => other !== failure)
    }
  }

  conflictAlways(): () => void {
    this.#conflicts += 1
    let active = true
    return () => {
      if (active) this.#conflicts -= 1
      active = false
    }
  }

  hold(options: HoldOptions = {}): StoreGate {
    checkOptions('hold()', options, namesOf<HoldOptions>({ method: true, when: true }))
    const { method, when = 'before' } = options
    const hold: Hold = { when, method, gate: gate() }
    this.#holds.push(hold)
    return {
      reached: hold.gate.reached,
      release: () => {
        this.#holds = this.#holds.filter((other) => other !== hold)
        hold.gate.open()
      },
    }
  }

  #addFailure(left: number | null, when: 'before' | 'after', options: FailOptions): Failure {
    checkOptions('failAt()', options, namesOf<FailOptions>({ method: true, error: true }))
    const error =
      'error' in options
        ? options.error
        : new SessionStoreError(`the failing store failed ${when} the call`, {
            effect: when === 'before' ? 'none' : 'unknown',
            retryable: true,
          })
    const failure: Failure = { when, method: options.method, error, left }
    this.#failures.push(failure)
    return failure
  }

  async #call<Answer>(
    method: StoreMethod,
    mutations: readonly Mutation[],
    pass: () => Promise<Answer>,
    isConditional = mutations.length > 0,
  ): Promise<Answer> {
    this.#calls.push({ method, kinds: mutations.map(({ kind }) => kind) })
    // Both are chosen when the call arrives, so that calls held at a gate keep their order.
    const failure = this.#failureFor(method)
    const hold = this.#holdFor(method)
    if (hold?.when === 'before') await hold.gate.pass()
    if (failure?.when === 'before') throw failure.error
    const conflict = { outcome: 'conflict' }
    const refusal = method === 'writeEach' ? mutations.map(() => conflict) : conflict
    const answer = this.#conflicts > 0 && isConditional ? (refusal as Answer) : await pass()
    if (hold?.when === 'after') await hold.gate.pass()
    if (failure?.when === 'after') throw failure.error
    return answer
  }

  #failureFor(method: StoreMethod): Failure | undefined {
    let due: Failure | undefined
    for (const failure of this.#failures) {
      if (failure.method !== undefined && failure.method !== method) continue
      if (failure.left === null || failure.left === 0) due ??= failure
      if (failure.left !== null) failure.left -= 1
    }
    this.#failures = this.#failures.filter(({ left }) => left === null || left >= 0)
    return due
  }

  #holdFor(method: StoreMethod): Hold | undefined {
    const hold = this.#holds.find((other) => other.method === undefined || other.method === method)
    this.#holds = this.#holds.filter((other) => other !== hold)
    return hold
  }
}
