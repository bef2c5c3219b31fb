import type { ExpressSessionStore, SessionMiddleware, Site, SiteHandler } from './site.ts'

/** Promises that the documentation of express-session does not require, and that a good store gives. */
export type ExtraPromise =
  /** A request that loaded a session before it was destroyed does not restore it. */
  | 'ended-stays-ended'
  /** Parallel requests that change different keys all keep their changes. */
  | 'merged-changes'
  /** A value that cannot be stored is an error for the callback, and is not thrown. */
  | 'errors-by-callback'

/** The tools of a test. */
export interface ContractTools {
  /** A store of its own, empty. */
  readonly store: ExpressSessionStore
  readonly middleware: SessionMiddleware
  /** Starts a server on this store; it is closed after the test. */
  open(options: Readonly<Record<string, unknown>>, handler: SiteHandler): Promise<Site>
}

/** One promise of a store, and the test for it. */
export interface ExpressSessionCase {
  readonly name: string
  /** The promise that this test requires. */
  readonly extra?: ExtraPromise
  run(tools: ContractTools): Promise<void>
}

/** Counts the calls of a method that reach the store. */
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

/** A gate at which a request waits until the test opens it. */
export interface Gate {
  readonly reached: Promise<void>
  /** Reaches the gate, and waits there. */
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
