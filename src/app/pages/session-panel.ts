import type { LoadOutcome } from '../../index.ts'
import type { StoreName } from '../config.ts'
import { type Html, type HtmlValue, html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'
import { code } from './code.ts'
import { shortened, timeElement } from './format.ts'
import type { Texts } from './texts-en.ts'

/** The properties of a session at the time when the page is made. */
export interface SessionFacts {
  readonly storeName: StoreName
  readonly user: string
  readonly key: string | null
  readonly created: Date | null
  readonly lastSeen: Date | null
  readonly authenticated: Date | null
  readonly expires: Date
  readonly expiryAge: number
  readonly atBrowserClose: boolean
  readonly isNew: boolean
  readonly outcome: LoadOutcome | null
  readonly data: readonly Entry[]
  readonly appearance: readonly Entry[]
}

/** One key of a session with its value. */
export type Entry = readonly [key: string, value: unknown]

/** Shows everything that the session holds, except its secret id. */
export function sessionPanel(
  facts: SessionFacts,
  now: number,
  texts: Texts,
  language: Language,
): Html {
  const { panel } = texts
  const time = (date: Date | null): HtmlValue =>
    date === null ? quiet(panel.notYet) : timeElement(date, now, language)
  const yesNo = (value: boolean): string => (value ? panel.yes : panel.no)
  const rows: readonly (readonly [id: string, label: string, value: HtmlValue])[] = [
    ['user', panel.user, html`<code>${facts.user}</code>`],
    [
      'key',
      panel.key,
      facts.key === null ? quiet(panel.noKey) : html`<code>${shortened(facts.key)}</code>`,
    ],
    ['outcome', panel.outcome, facts.outcome === null ? '' : outcome(facts.outcome, texts)],
    ['new', panel.isNew, yesNo(facts.isNew)],
    ['created', panel.created, time(facts.created)],
    ['last-seen', panel.lastSeen, time(facts.lastSeen)],
    ['authenticated', panel.authenticated, time(facts.authenticated)],
    ['expires', panel.expires, time(facts.expires)],
    ['browser-close', panel.atBrowserClose, yesNo(facts.atBrowserClose)],
    ['store', panel.store, texts.stores[facts.storeName].name],
  ]
  return html`<section class="card panel" id="session" aria-labelledby="session-heading">
<h2 id="session-heading">${panel.heading}</h2>
<p class="hint">${panel.hint}</p>
<div class="columns">
<div>
<h3>${panel.facts}</h3>
<dl class="facts">
${rows.map(([id, label, value]) => html`<div><dt>${label}</dt><dd id="session-${id}">${value}</dd></div>\n`)}</dl>
${code('session')}
</div>
<div>
<h3>${panel.data}</h3>
${entries(facts.data, texts)}
${facts.appearance.length > 0 && html`<h3>${panel.scope} <code>appearance</code></h3>${entries(facts.appearance, texts)}`}
</div>
</div>
</section>`
}

function entries(list: readonly Entry[], texts: Texts): Html {
  if (list.length === 0) return html`<p class="empty">${texts.panel.noData}</p>`
  return html`<dl class="data">
${list.map(([key, value]) => html`<div><dt><code>${key}</code></dt><dd><pre>${JSON.stringify(value, null, 2)}</pre></dd></div>\n`)}</dl>`
}

function outcome(found: LoadOutcome, texts: Texts): Html {
  return html`<code>${found}</code> ${quiet(texts.outcomes[found])}`
}

function quiet(text: string): Html {
  return html`<span class="hint">${text}</span>`
}
