import { memoryStore, type SessionDeleteEvent } from '../../src/index.ts'
import type { OtherStore, OtherStoreOptions } from '../../src/stores/index.ts'
import { type FailingStore, failingStore } from '../../src/testing/index.ts'
import type { StoreKind } from '../setup/stores.ts'

export interface World<Store extends OtherStore> {
  readonly store: Store
  readonly behind: FailingStore
  readonly warnings: string[]
  readonly events: SessionDeleteEvent[]
}

export function world<Store extends OtherStore>(
  kind: StoreKind | null,
  make: (options: OtherStoreOptions) => Store,
  options: OtherStoreOptions = {},
): World<Store> {
  const behind = failingStore(kind?.make() ?? memoryStore())
  const warnings: string[] = []
  const store = make({
    store: behind,
    userOf: (session) => session['user'] as string | undefined,
    sleep: async () => {},
    logger: { warn: (message) => warnings.push(message) },
    ...options,
  })
  const events: SessionDeleteEvent[] = []
  if (options.events === true) store.sessions.onDelete((event) => void events.push(event))
  return { store, behind, warnings, events }
}

/** A browser with one cookie. */
export class Browser {
  cookie: string | null = null
  readonly #url: string

  constructor(url: string, cookie: string | null = null) {
    this.#url = url
    this.cookie = cookie
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const headers = this.cookie === null ? {} : { cookie: this.cookie }
    const response = await fetch(`${this.#url}${path}`, { headers })
    const lines = response.headers.getSetCookie()
    if (lines.length > 0) this.cookie = lines.map((line) => line.split(';')[0]).join('; ')
    return { status: response.status, text: await response.text() }
  }

  /** Another browser with the same cookie, for a second request of the same visitor. */
  beside(): Browser {
    return new Browser(this.#url, this.cookie)
  }
}
