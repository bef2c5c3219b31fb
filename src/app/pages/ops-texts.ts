import type { EndReason, RunInfo } from '../../index.ts'
import type { Language } from '../language.ts'

/** Every text of the ops page in one language. */
export interface OpsTexts {
  readonly title: string
  readonly lead: string
  readonly tiles: {
    readonly heading: string
    readonly store: string
    readonly reachable: string
    readonly unreachable: string
    readonly backlog: string
    readonly backlogHint: string
    readonly moreThan: (count: string) => string
    readonly oldest: string
    readonly oldestHint: string
    readonly ago: (span: string) => string
    readonly last: string
    readonly none: string
  }
  readonly warnings: string
  readonly sweep: { readonly heading: string; readonly hint: string; readonly start: string }
  readonly fill: { readonly button: (count: string) => string; readonly hint: string }
  readonly progress: {
    readonly heading: string
    readonly hint: string
    readonly bar: string
  }
  readonly counts: { readonly heading: string; readonly hint: string }
  readonly reasons: Readonly<Record<EndReason, string>>
  readonly runs: {
    readonly heading: string
    readonly hint: string
    readonly empty: string
    readonly chart: string
    readonly describe: (runs: number, ended: string, failed: string, died: number) => string
    readonly died: string
    readonly newestRight: string
    readonly table: string
  }
  readonly columns: {
    readonly started: string
    readonly kind: string
    readonly state: string
    readonly steps: string
    readonly scanned: string
    readonly ended: string
    readonly skipped: string
    readonly failed: string
    readonly observersFailed: string
  }
  readonly states: Readonly<Record<RunInfo['state'], string>>
  readonly log: {
    readonly heading: string
    readonly hint: string
    readonly empty: string
    readonly reason: string
    readonly user: string
    readonly key: string
    readonly ended: string
    readonly heard: string
    readonly guest: string
  }
}

const english: OpsTexts = {
  title: 'Operations',
  lead: 'How the sweep is doing: what waits, what the last runs did, and which ends this process heard of.',
  tiles: {
    heading: 'Overview',
    store: 'Store',
    reachable: 'reachable',
    unreachable: 'unreachable',
    backlog: 'Backlog',
    backlogHint: 'sessions that wait for a sweep',
    moreThan: (count) => `more than ${count}`,
    oldest: 'Oldest expired',
    oldestHint: 'of those that wait',
    ago: (span) => `${span} ago`,
    last: 'Last sweep',
    none: 'none',
  },
  warnings: 'Warnings',
  sweep: {
    heading: 'Sweep',
    hint: 'Ends what has expired and tells the observers. The cron does the same once an hour.',
    start: 'Start a sweep',
  },
  fill: {
    button: (count) => `Make ${count} expired sessions`,
    hint: 'Only on your own machine: something to sweep.',
  },
  progress: {
    heading: 'Under way',
    hint: 'This page loads itself again every two seconds until the run is over.',
    bar: 'Share of the backlog that is done',
  },
  counts: { heading: 'Ends by reason', hint: 'Heard by this process since it started.' },
  reasons: {
    expired: 'expired',
    logout: 'logout',
    login: 'login',
    reset: 'reset',
    killed: 'killed',
  },
  runs: {
    heading: 'Last runs',
    hint: 'Sweeps, kills of many, and iterators of the app.',
    empty: 'No run yet. Start a sweep, or wait for the cron.',
    chart: 'Sessions ended per run',
    describe: (runs, ended, failed, died) =>
      `${runs === 1 ? '1 run' : `${runs} runs`}, the oldest on the left: ${ended} sessions ended, ${failed} failed, ${died} of the runs died. The table has the same figures.`,
    died: 'Died',
    newestRight: 'newest on the right',
    table: 'The last runs in figures',
  },
  columns: {
    started: 'Started (UTC)',
    kind: 'Iterator',
    state: 'State',
    steps: 'Steps',
    scanned: 'Scanned',
    ended: 'Ended',
    skipped: 'Skipped',
    failed: 'Failed',
    observersFailed: 'Not told',
  },
  states: { running: 'running', finished: 'finished', failed: 'failed', died: 'died' },
  log: {
    heading: 'Last ends',
    hint: 'The latest 50 that this process was told of. Other instances hear of others.',
    empty: 'Nothing has ended yet. Sign in, sign out, or start a sweep.',
    reason: 'Reason',
    user: 'User',
    key: 'Key',
    ended: 'Ended (UTC)',
    heard: 'Heard (UTC)',
    guest: 'nobody',
  },
}

const german: OpsTexts = {
  title: 'Betrieb',
  lead: 'Wie es um das Aufräumen steht: was wartet, was die letzten Läufe taten, und von welchen Enden dieser Prozess erfuhr.',
  tiles: {
    heading: 'Überblick',
    store: 'Speicher',
    reachable: 'erreichbar',
    unreachable: 'nicht erreichbar',
    backlog: 'Rückstand',
    backlogHint: 'Sitzungen, die auf das Aufräumen warten',
    moreThan: (count) => `mehr als ${count}`,
    oldest: 'Längste Wartezeit',
    oldestHint: 'seit dem Ablauf',
    ago: (span) => span,
    last: 'Letztes Aufräumen',
    none: 'keins',
  },
  warnings: 'Warnungen',
  sweep: {
    heading: 'Aufräumen',
    hint: 'Beendet, was abgelaufen ist, und sagt es den Beobachtern. Der Cron tut stündlich dasselbe.',
    start: 'Aufräumen starten',
  },
  fill: {
    button: (count) => `${count} abgelaufene anlegen`,
    hint: 'Nur auf Ihrem eigenen Rechner: Sitzungen zum Aufräumen.',
  },
  progress: {
    heading: 'Im Gange',
    hint: 'Diese Seite lädt sich alle zwei Sekunden neu, bis der Lauf zu Ende ist.',
    bar: 'Erledigter Anteil des Rückstands',
  },
  counts: { heading: 'Enden nach Grund', hint: 'Gehört von diesem Prozess, seit er läuft.' },
  reasons: {
    expired: 'abgelaufen',
    logout: 'abgemeldet',
    login: 'Anmeldung',
    reset: 'zurückgesetzt',
    killed: 'beendet',
  },
  runs: {
    heading: 'Letzte Läufe',
    hint: 'Aufräumen, Beenden von vielen, und Iteratoren der App.',
    empty: 'Noch kein Lauf. Starten Sie das Aufräumen, oder warten Sie auf den Cron.',
    chart: 'Beendete Sitzungen je Lauf',
    describe: (runs, ended, failed, died) =>
      `${runs === 1 ? '1 Lauf' : `${runs} Läufe`}, links der älteste: ${ended} Sitzungen beendet, ${failed} gescheitert, ${died} der Läufe gestorben. Die Tabelle hat dieselben Zahlen.`,
    died: 'Gestorben',
    newestRight: 'der neueste rechts',
    table: 'Die letzten Läufe in Zahlen',
  },
  columns: {
    started: 'Begonnen (UTC)',
    kind: 'Iterator',
    state: 'Zustand',
    steps: 'Schritte',
    scanned: 'Geprüft',
    ended: 'Beendet',
    skipped: 'Übergangen',
    failed: 'Gescheitert',
    observersFailed: 'Nicht gehört',
  },
  states: { running: 'läuft', finished: 'fertig', failed: 'gescheitert', died: 'gestorben' },
  log: {
    heading: 'Letzte Enden',
    hint: 'Die letzten 50, von denen dieser Prozess erfuhr. Andere Instanzen hören von anderen.',
    empty: 'Noch nichts ist geendet. Melden Sie sich an und ab, oder starten Sie das Aufräumen.',
    reason: 'Grund',
    user: 'Benutzer',
    key: 'Schlüssel',
    ended: 'Geendet (UTC)',
    heard: 'Gehört (UTC)',
    guest: 'niemand',
  },
}

const TEXTS: Readonly<Record<Language, OpsTexts>> = { en: english, de: german }

/** The texts of the ops page in a language. */
export function opsTextsIn(language: Language): OpsTexts {
  return TEXTS[language]
}
