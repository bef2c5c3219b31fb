import type { EndReason, LoadOutcome } from '../../index.ts'
import type { ConsoleAccess, StoreName } from '../config.ts'
import type { ExpiryChoice, Notice, Theme } from '../session-data.ts'

/** The subjects of error pages. */
export type Problem =
  | 'notFound'
  | 'refused'
  | 'consoleClosed'
  | 'signInFirst'
  | 'noSuchDevice'
  | 'badRequest'
  | 'unavailable'
  | 'failed'

/** Every text of the pages in one language. */
export interface Texts {
  readonly title: string
  readonly skip: string
  readonly heading: string
  readonly lead: string
  readonly language: string
  readonly theme: string
  readonly themes: Readonly<Record<Theme, string>>
  readonly nobody: string
  readonly notices: Readonly<Record<Exclude<Notice['about'], 'othersEnded' | 'filled'>, string>>
  readonly othersEnded: (count: number) => string
  readonly filled: (count: number) => string
  /** Introduces the two keys in a notice. */
  readonly keyChanged: string
  readonly overview: {
    readonly heading: string
    readonly visits: string
    readonly visitsHint: string
    readonly user: string
    readonly userHint: string
    readonly expires: string
    readonly expiresHint: string
    readonly store: string
  }
  readonly stores: Readonly<Record<StoreName, { readonly name: string; readonly hint: string }>>
  readonly account: {
    readonly heading: string
    readonly signedOut: string
    readonly signedIn: string
    readonly demo: string
    readonly users: string
    readonly signIn: string
    readonly signInAs: (name: string) => string
    readonly signOut: string
    readonly since: string
    readonly switchUser: string
    readonly noPasswords: string
    /** Leads to the list of devices. */
    readonly devices: string
  }
  readonly login: {
    readonly title: string
    /** The address of a page follows. */
    readonly lead: string
    readonly back: string
    readonly backHint: string
  }
  readonly life: {
    readonly heading: string
    readonly hint: string
    /** Names the drawing. */
    readonly drawing: string
    readonly describe: (used: string, idle: string, absolute: string) => string
    readonly used: string
    readonly idle: string
    readonly absolute: string
  }
  readonly race: {
    readonly heading: string
    readonly hint: string
    readonly start: string
    readonly outcome: string
    readonly mine: string
    readonly whole: string
    readonly left: string
    readonly right: string
    readonly together: string
    readonly kept: string
    readonly lost: string
    readonly counted: (count: number) => string
    readonly why: string
  }
  readonly browsers: {
    readonly heading: string
    readonly hint: string
    readonly steps: readonly string[]
  }
  readonly cart: {
    readonly heading: string
    readonly hint: string
    readonly empty: string
    readonly label: string
    readonly placeholder: string
    readonly suggestions: readonly string[]
    readonly add: string
    readonly pieces: (count: number) => string
    readonly more: (name: string) => string
    readonly less: (name: string) => string
    readonly remove: (name: string) => string
    readonly removeShort: string
    readonly quantity: string
    /** Leads to the form of the order. */
    readonly order: string
  }
  readonly expiry: {
    readonly heading: string
    readonly hint: string
    readonly legend: string
    readonly choices: Readonly<
      Record<ExpiryChoice, { readonly name: string; readonly hint: string }>
    >
    readonly apply: string
  }
  readonly identity: {
    readonly heading: string
    readonly hint: string
    readonly renew: string
    readonly renewHint: string
    readonly reset: string
    readonly resetHint: string
  }
  readonly order: {
    readonly title: string
    readonly lead: string
    /** Above the form when its key did not count. */
    readonly refused: { readonly heading: string; readonly text: string; readonly retry: string }
    readonly form: string
    readonly formHint: string
    readonly empty: string
    readonly fill: string
    readonly note: string
    readonly place: string
    readonly orders: string
    readonly ordersHint: string
    readonly noOrders: string
    readonly number: (number: number) => string
  }
  readonly devices: {
    readonly title: string
    readonly lead: (name: string) => string
    readonly list: string
    readonly fresh: string
    readonly stale: string
    readonly current: string
    readonly unknown: string
    /** Such as "Firefox on Linux". */
    readonly name: (browser: string, system: string) => string
    readonly agent: string
    readonly address: string
    readonly addressHint: string
    readonly signedIn: string
    readonly lastSeen: string
    readonly end: string
    readonly endThis: (name: string) => string
    readonly endOthers: string
    readonly endOthersHint: string
    readonly noOthers: string
    readonly native: string
    readonly nativeHint: string
  }
  readonly confirm: {
    readonly title: string
    readonly lead: string
    readonly hint: string
    readonly signInAgain: (name: string) => string
    readonly cancel: string
  }
  readonly operations: {
    readonly title: string
    readonly lead: string
    readonly console: {
      readonly heading: string
      readonly hint: string
      readonly open: string
      readonly access: Readonly<Record<ConsoleAccess['kind'], string>>
    }
    readonly fill: {
      readonly heading: string
      readonly hint: string
      readonly button: (count: string) => string
    }
    readonly sweep: {
      readonly heading: string
      readonly hint: string
      readonly steps: readonly string[]
    }
    readonly ends: {
      readonly heading: string
      readonly hint: string
      readonly reasons: Readonly<Record<EndReason, string>>
    }
  }
  readonly panel: {
    readonly heading: string
    readonly hint: string
    readonly facts: string
    readonly data: string
    readonly scope: string
    readonly noData: string
    readonly user: string
    readonly key: string
    readonly noKey: string
    readonly created: string
    readonly lastSeen: string
    readonly authenticated: string
    readonly expires: string
    readonly atBrowserClose: string
    readonly isNew: string
    readonly outcome: string
    readonly store: string
    readonly yes: string
    readonly no: string
    readonly notYet: string
  }
  readonly outcomes: Readonly<Record<LoadOutcome, string>>
  readonly footer: string
  /** Names the navigation. */
  readonly pages: string
  readonly start: string
  readonly problems: Readonly<Record<Problem, { readonly heading: string; readonly text: string }>>
  readonly home: string
}
