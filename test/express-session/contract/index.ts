import session from 'express-session'
import { describe, it } from 'vitest'
import type { ContractRunner } from '../../../src/testing/index.ts'
import type { ContractTools, ExpressSessionCase, ExtraPromise } from './case.ts'
import { cookieCases } from './cookies.ts'
import { methodCases } from './methods.ts'
import { raceCases } from './races.ts'
import { savingCases } from './saving.ts'
import { sessionMethodCases } from './session-methods.ts'
import { type ExpressSessionStore, openSite, type SessionMiddleware, type Site } from './site.ts'

/** Makes a new, empty store for express-session: for Datastore, one with a fresh namespace. */
export type MakeExpressSessionStore = () => ExpressSessionStore | Promise<ExpressSessionStore>

/** Options of {@link expressSessionContract}. */
export interface ExpressSessionContractOptions {
  /**
   * Promises that the store does not give. They go beyond the documentation of express-session, whose own MemoryStore
   * gives none of them. Default: none is left out.
   */
  readonly leaveOut?: readonly ExtraPromise[]
  /** Called with the store after each test. */
  readonly close?: (store: ExpressSessionStore) => unknown
  /** The test runner. Default: vitest. */
  readonly runner?: ContractRunner
}

const GROUPS: Readonly<Record<string, readonly ExpressSessionCase[]>> = {
  methods: methodCases,
  'saving, touching, sending': savingCases,
  cookies: cookieCases,
  'req.session': sessionMethodCases,
  'requests that overlap': raceCases,
}

/** Maximum duration of one test, in milliseconds. A store may be reached over a network. */
const TIMEOUT = 30_000

/**
 * Registers the tests that every store for express-session has to pass, over HTTP with the middleware itself. Each
 * test gets its own store.
 */
export function expressSessionContract(
  makeStore: MakeExpressSessionStore,
  options: ExpressSessionContractOptions = {},
): void {
  const { leaveOut = [], runner = { describe, it } } = options
  runner.describe('express-session contract', () => {
    for (const [group, all] of Object.entries(GROUPS)) {
      const cases = all.filter(({ extra }) => extra === undefined || !leaveOut.includes(extra))
      if (cases.length === 0) continue
      runner.describe(group, () => {
        for (const one of cases) {
          runner.it(one.name, () => runCase(makeStore, options, one), TIMEOUT)
        }
      })
    }
  })
}

async function runCase(
  makeStore: MakeExpressSessionStore,
  options: ExpressSessionContractOptions,
  { run }: ExpressSessionCase,
): Promise<void> {
  const middleware = session as unknown as SessionMiddleware
  const store = await makeStore()
  const sites: Site[] = []
  const tools: ContractTools = {
    store,
    middleware,
    async open(settings, handler) {
      const site = await openSite(middleware, settings, handler)
      sites.push(site)
      return site
    },
  }
  try {
    await run(tools)
  } finally {
    for (const site of sites) await site.close()
    await options.close?.(store)
  }
}
