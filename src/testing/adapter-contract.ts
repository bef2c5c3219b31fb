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
import { type ContractRunner, registerCases } from './runner.ts'
import type { MakeStore } from './store-contract.ts'

/** The options with which the sessions of a case are made. */
export type AdapterSessionsParts = Required<Pick<SessionsOptions, 'store' | 'cookie' | 'logger'>>

/** Options of {@link adapterContract}. */
export interface AdapterContractOptions {
  /** Makes the store of each case. Default: `memoryStore()`. */
  readonly makeStore?: MakeStore
  /** Makes sessions of another kind, such as `createCookieSessions()`. Default: `createSessions()`. */
  readonly makeSessions?: (options: AdapterSessionsParts) => Sessions | CookieSessions
  /**
   * Features that the adapter does not have. Their cases are left out, and the name of the suite says so. `'store'`:
   * its sessions are not in the store; `'ids'`: clients without cookies; `'loopback'`: plain http on loopback;
   * `'proxies'`: `trustProxy`; `'address'`: the address of the client; `'streams'`: bodies that are sent in pieces.
   */
  readonly without?: readonly AdapterFeature[]
  /** The test runner. Default: as with `storeContract()`. */
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

/**
 * Registers the tests that every adapter has to pass, over real HTTP. Each test has its own app, which the harness
 * serves and closes.
 *
 * Without a `runner`, the tests go where those of {@link storeContract} go. In vitest, await the registration:
 * `await adapterContract(harness)`. Throws `SessionConfigError` for wrong options.
 */
export function adapterContract(
  harness: AdapterHarness,
  options: AdapterContractOptions = {},
): Promise<void> {
  checkOptions('adapterContract()', options, OPTIONS)
  const { without = [] } = options
  for (const name of without) {
    if (!FEATURES.includes(name)) {
      throw wrongOption(
        'adapterContract(): without',
        `must name some of ${FEATURES.map((one) => `'${one}'`).join(', ')}`,
        name,
      )
    }
  }
  const left = without.length === 0 ? '' : ` (left out: ${without.join(', ')})`
  const groups = Object.entries(GROUPS).map(([group, cases]) => [
    group,
    cases.filter(({ needs = [] }) => !needs.some((one) => without.includes(one))),
  ])
  return registerCases<AdapterCase['run']>(
    `adapter contract: ${harness.name}${left}`,
    Object.fromEntries(groups),
    (run) => runCase(harness, options, run),
    options.runner,
  )
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
      // The cases cause errors on purpose, so nothing is logged.
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
