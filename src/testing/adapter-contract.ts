import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import type { CookieSessions } from '../cookie-sessions/session.ts'
import { createSessions, memoryStore, type Sessions, type SessionsOptions } from '../index.ts'
import { appOf, BY_HEADER } from './adapter/app.ts'
import { arrivalCases, idCases } from './adapter/arrival-cases.ts'
import { errorCases } from './adapter/error-cases.ts'
import { headerCases } from './adapter/header-cases.ts'
import { responseCases } from './adapter/response-cases.ts'
import { sessionCases } from './adapter/sessions-cases.ts'
import {
  type AdapterCase,
  type AdapterFeature,
  type AdapterHarness,
  type OpenSite,
  Site,
} from './adapter/site.ts'
import { failingStore } from './failing-store.ts'
import { type ContractRunner, currentRunner } from './runner.ts'
import type { MakeStore } from './store-contract.ts'

/** What the sessions of a case are made of. */
export type AdapterSessionsParts = Required<Pick<SessionsOptions, 'store' | 'cookie' | 'logger'>>

/** Options of {@link adapterContract}. */
export interface AdapterContractOptions {
  /** The store of each case. Default: `memoryStore()`. */
  readonly makeStore?: MakeStore
  /** Makes sessions of another kind, such as `createCookieSessions()`. Default: `createSessions()`. */
  readonly makeSessions?: (options: AdapterSessionsParts) => Sessions | CookieSessions
  /**
   * What the adapter does not have, so that its cases are left out; the name of the suite says so. `'store'`: its
   * sessions are not in the store; `'ids'`: clients without cookies; `'loopback'`: plain http on loopback; `'proxies'`:
   * `trustProxy`; `'address'`: the address of the client; `'streams'`: bodies that come in pieces.
   */
  readonly without?: readonly AdapterFeature[]
  /** Where the tests go. Default: as with `storeContract()`. */
  readonly runner?: ContractRunner
}

const OPTIONS = namesOf<AdapterContractOptions>({
  makeStore: true,
  makeSessions: true,
  without: true,
  runner: true,
})

const FEATURES = namesOf<Record<AdapterFeature, unknown>>({
  store: true,
  ids: true,
  loopback: true,
  proxies: true,
  address: true,
  streams: true,
})

const GROUPS: Readonly<Record<string, readonly AdapterCase[]>> = {
  sessions: sessionCases,
  responses: responseCases,
  headers: headerCases,
  errors: errorCases,
  'how a request came': arrivalCases,
  'clients without cookies': idCases,
}

/** The most that one test may take, in milliseconds: a framework may take its time to start. */
const TIMEOUT = 30_000

/**
 * Registers the tests that every adapter has to pass, over real HTTP. Each test has an app of its own, which the harness
 * serves and closes.
 *
 * Without a `runner`, the tests go where those of {@link storeContract} go. In vitest that takes a moment:
 * `await adapterContract(harness)`. Throws `SessionConfigError` for options that are none.
 */
export function adapterContract(
  harness: AdapterHarness,
  options: AdapterContractOptions = {},
): Promise<void> {
  checkOptions('adapterContract()', options, OPTIONS)
  for (const name of options.without ?? []) {
    if (!FEATURES.includes(name)) {
      throw wrongOption(
        'adapterContract(): without',
        `must name some of ${FEATURES.map((one) => `'${one}'`).join(', ')}`,
        name,
      )
    }
  }
  const found = options.runner ?? currentRunner()
  if (!(found instanceof Promise)) {
    // At once, so that it also works where tests have to be registered before the next tick.
    register(harness, options, found)
    return Promise.resolve()
  }
  return found.then((later) => register(harness, options, later))
}

function register(
  harness: AdapterHarness,
  options: AdapterContractOptions,
  { describe, it }: ContractRunner,
): void {
  const { without = [] } = options
  const left = without.length === 0 ? '' : ` (left out: ${without.join(', ')})`
  describe(`adapter contract: ${harness.name}${left}`, () => {
    for (const [group, cases] of Object.entries(GROUPS)) {
      const held = cases.filter(({ needs = [] }) => !needs.some((one) => without.includes(one)))
      if (held.length === 0) continue
      describe(group, () => {
        for (const { name, run } of held) it(name, () => runCase(harness, options, run), TIMEOUT)
      })
    }
  })
}

async function runCase(
  harness: AdapterHarness,
  options: AdapterContractOptions,
  run: AdapterCase['run'],
): Promise<void> {
  const closers: (() => unknown)[] = []
  const open: OpenSite = async (pages, { trustProxy = 0, byId = false, secure = false } = {}) => {
    const { makeStore = memoryStore, makeSessions = createSessions } = options
    const plain = await makeStore()
    closers.push(() => plain.close())
    const store = failingStore(plain)
    const sessions = makeSessions({
      store,
      cookie: { secure },
      // What goes wrong is what a case asks for.
      logger: { info() {}, warn() {}, error() {} },
    }) as Sessions
    const ids = byId ? BY_HEADER : {}
    const served = await harness.serve(appOf({ sessions, trustProxy, ids }, pages))
    closers.push(() => served.close())
    return new Site(served, sessions, store)
  }
  try {
    await run(open)
  } finally {
    for (const close of closers.reverse()) await close()
  }
}
