import type { ExpressSessionStore, SessionMiddleware, Site, SiteHandler } from './site.ts'

/** What the documentation of express-session does not ask of a store, and a good one does all the same. */
export type ExtraPromise =
  /** A request that loaded a session before it was destroyed does not bring it back. */
  | 'ended-stays-ended'
  /** Of parallel requests that change different keys, none loses its change. */
  | 'merged-changes'
  /** What cannot be stored is an error for the callback, and nothing is thrown. */
  | 'errors-by-callback'

/** What a test has to work with. */
export interface ContractTools {
  /** A store of its own, empty. */
  readonly store: ExpressSessionStore
  readonly middleware: SessionMiddleware
  /** A server on this store; it is closed after the test. */
  open(options: Readonly<Record<string, unknown>>, handler: SiteHandler): Promise<Site>
}

/** One promise of a store, and how to see whether it is kept. */
export interface ExpressSessionCase {
  readonly name: string
  /** The promise that has to be given for this test to count. */
  readonly extra?: ExtraPromise
  run(tools: ContractTools): Promise<void>
}

/** Counts the calls of a method that get to the store. */
export function countCalls(
  store: ExpressSessionStore,
  method: 'get' | 'set' | 'touch' | 'destroy',
): { readonly count: number } {
  const counter = { count: 0 }
  const held = store as unknown as Record<string, unknown>
  const original = held[method]
  if (typeof original !== 'function') return counter
  held[method] = (...values: unknown[]) => {
    counter.count += 1
    return original.apply(store, values)
  }
  return counter
}

/** A place at which a request stops until the test lets it go on. */
export interface Gate {
  readonly reached: Promise<void>
  /** Comes to the gate, and waits there. */
  wait(): Promise<void>
  open(): void
}

export function gate(): Gate {
  let reach = (): void => {}
  let open = (): void => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    reached,
    wait() {
      reach()
      return opened
    },
    open: () => open(),
  }
}
