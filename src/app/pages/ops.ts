import { type EndReason, GUEST_USER, type RunInfo, type Status } from '../../index.ts'
import type { StoreName } from '../config.ts'
import type { EndCounts, EndEntry } from '../end-log.ts'
import { type Html, type HtmlValue, html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'
import type { Theme } from '../session-data.ts'
import { duration, number, shortened, shortTimeElement, timeElement } from './format.ts'
import { page } from './layout.ts'
import { type OpsTexts, opsTextsIn } from './ops-texts.ts'
import { runChart } from './run-chart.ts'
import { textsIn } from './texts-in.ts'

/** Everything that the ops page shows. */
export interface OpsView {
  readonly language: Language
  readonly theme: Theme
  readonly storeName: StoreName
  readonly status: Status
  /** The latest ends, newest first. */
  readonly ends: readonly EndEntry[]
  readonly counts: EndCounts
  /** How many expired sessions the button makes; `null`: there is no such button here. */
  readonly fill: number | null
  /** How many waited when the sweep under way was first seen. */
  readonly total: number
  readonly now: number
}

/** How long a run under way is shown before the page asks again, in seconds. */
const REFRESH = 2

/** The page for whoever operates the sweep. */
export function opsPage(view: OpsView): string {
  const { language, theme, status } = view
  const texts = opsTextsIn(language)
  const underWay = status.runs.filter(({ state }) => state === 'running')
  return page(
    {
      language,
      theme,
      title: texts.title,
      withTheme: true,
      place: '/ops',
      refresh: underWay.length > 0 ? REFRESH : undefined,
    },
    html`<div class="intro">
<h1>${texts.title}</h1>
<p class="lead">${texts.lead}</p>
</div>
${status.warnings.length > 0 && warnings(status.warnings, texts)}
${tiles(view, texts)}
<div class="cards">
${underWay.length > 0 ? progressCard(underWay, view, texts) : sweepCard(view, texts)}
${countsCard(view, texts)}
</div>
${runsCard(status.runs, texts, language)}
${logCard(view, texts)}`,
  )
}

function warnings(lines: readonly string[], texts: OpsTexts): Html {
  // They come from the package, which speaks English.
  return html`<section class="notice caution" aria-labelledby="warnings-heading">
<h2 id="warnings-heading">${texts.warnings}</h2>
<ul id="warnings" lang="en">${lines.map((line) => html`<li>${line}</li>`)}</ul>
</section>`
}

function tiles({ status, storeName, language, now }: OpsView, texts: OpsTexts): Html {
  const { tiles: labels, states } = texts
  const { backlog, backlogIsMore, oldestExpired, lastSweep } = status
  const isUp = status.store === 'reachable'
  const count = number(backlog, language)
  const ago = (date: Date): string => labels.ago(duration(now - date.getTime(), language))
  const list: readonly (readonly [id: string, label: string, value: HtmlValue, hint: HtmlValue])[] =
    [
      [
        'store',
        labels.store,
        isUp ? labels.reachable : labels.unreachable,
        textsIn(language).stores[storeName].name,
      ],
      [
        'backlog',
        labels.backlog,
        isUp ? (backlogIsMore ? labels.moreThan(count) : count) : '–',
        labels.backlogHint,
      ],
      [
        'oldest',
        labels.oldest,
        oldestExpired === null ? '–' : ago(oldestExpired),
        labels.oldestHint,
      ],
      [
        'last-sweep',
        labels.last,
        lastSweep === null ? labels.none : states[lastSweep.state],
        lastSweep !== null && timeElement(lastSweep.finished ?? lastSweep.started, language),
      ],
    ]
  return html`<section aria-labelledby="overview-heading">
<h2 class="hidden" id="overview-heading">${labels.heading}</h2>
<dl class="tiles">
${list.map(
  ([id, label, value, hint]) =>
    html`<div class="tile"><dt>${label}</dt><dd id="ops-${id}" class="value${id === 'store' && !isUp && ' bad'}">${value}</dd><dd class="hint">${hint}</dd></div>
`,
)}</dl>
</section>`
}

function sweepCard({ fill, language }: OpsView, texts: OpsTexts): Html {
  return html`<section class="card" aria-labelledby="sweep-heading">
<h2 id="sweep-heading">${texts.sweep.heading}</h2>
<p class="hint">${texts.sweep.hint}</p>
<form method="post" action="/ops/sweep"><button class="button primary">${texts.sweep.start}</button></form>
${
  fill !== null &&
  html`<form class="fill" method="post" action="/ops/fill">
<button class="button" aria-describedby="fill-hint">${texts.fill.button(number(fill, language))}</button>
<p class="hint" id="fill-hint">${texts.fill.hint}</p>
</form>`
}
</section>`
}

function progressCard(
  runs: readonly RunInfo[],
  { status, language, total }: OpsView,
  texts: OpsTexts,
): Html {
  const { progress, columns } = texts
  const { backlog, backlogIsMore } = status
  return html`<section class="card" id="progress" aria-labelledby="progress-heading">
<h2 id="progress-heading">${progress.heading}</h2>
<p class="hint">${progress.hint}</p>
${runs.map(({ id, iterator, scanned, ended, steps }) => {
  // Of more than can be counted nobody knows the share.
  const share =
    !backlogIsMore && total > 0 && html` max="${total}" value="${Math.max(0, total - backlog)}"`
  const figures = [
    ['scanned', columns.scanned, scanned],
    ['ended', columns.ended, ended],
    ['steps', columns.steps, steps],
  ] as const
  return html`<div class="run"><h3><code>${iterator}</code></h3>
${id === status.lastSweep?.id && html`<progress aria-label="${progress.bar}"${share}></progress>`}
<dl class="figures">${figures.map(([name, label, value]) => html`<div><dt>${label}</dt><dd id="run-${name}">${number(value, language)}</dd></div>`)}</dl></div>
`
})}</section>`
}

function countsCard({ counts, language }: OpsView, texts: OpsTexts): Html {
  const reasons = Object.keys(counts) as EndReason[]
  return html`<section class="card" aria-labelledby="counts-heading">
<h2 id="counts-heading">${texts.counts.heading}</h2>
<p class="hint">${texts.counts.hint}</p>
<dl class="counts">
${reasons.map(
  (reason) =>
    html`<div><dt>${badge(reason, texts)}</dt><dd id="count-${reason}">${number(counts[reason], language)}</dd></div>
`,
)}</dl>
</section>`
}

function badge(reason: EndReason, texts: OpsTexts): Html {
  return html`<span class="badge reason-${reason}">${texts.reasons[reason]}</span>`
}

function runsCard(runs: readonly RunInfo[], texts: OpsTexts, language: Language): Html {
  const { runs: labels, columns, states } = texts
  const figures = ['steps', 'scanned', 'ended', 'skipped', 'failed', 'observersFailed'] as const
  return html`<section class="card" id="runs" aria-labelledby="runs-heading">
<h2 id="runs-heading">${labels.heading}</h2>
<p class="hint">${labels.hint}</p>
${
  runs.length === 0
    ? html`<p class="empty">${labels.empty}</p>`
    : html`${runChart(runs, texts, language)}
<div class="scroll" role="region" aria-label="${labels.table}" tabindex="0">
<table>
<thead><tr><th scope="col">${columns.started}</th><th scope="col">${columns.kind}</th><th scope="col">${columns.state}</th>${figures.map((name) => html`<th scope="col" class="figure">${columns[name]}</th>`)}</tr></thead>
<tbody>
${runs.map(
  (run) =>
    html`<tr><td>${shortTimeElement(run.started, language)}</td><td><code>${run.iterator}</code></td><td><span class="badge state-${run.state}">${states[run.state]}</span>${run.error !== null && html` <span class="hint" lang="en">${run.error}</span>`}</td>${figures.map((name) => html`<td class="figure">${number(run[name], language)}</td>`)}</tr>
`,
)}</tbody>
</table>
</div>`
}
</section>`
}

function logCard({ ends, language }: OpsView, texts: OpsTexts): Html {
  const { log } = texts
  return html`<section class="card" id="ends" aria-labelledby="ends-heading">
<h2 id="ends-heading">${log.heading}</h2>
<p class="hint">${log.hint}</p>
${
  ends.length === 0
    ? html`<p class="empty">${log.empty}</p>`
    : html`<div class="scroll tall" role="region" aria-labelledby="ends-heading" tabindex="0">
<table>
<thead><tr><th scope="col">${log.reason}</th><th scope="col">${log.user}</th><th scope="col">${log.key}</th><th scope="col">${log.ended}</th><th scope="col">${log.heard}</th></tr></thead>
<tbody>
${ends.map(
  ({ reason, user, key, ended, heard }) =>
    html`<tr><td>${badge(reason, texts)}</td><td>${user === GUEST_USER ? html`<span class="hint">${log.guest}</span>` : html`<code>${user}</code>`}</td><td><code>${shortened(key)}</code></td><td>${shortTimeElement(ended, language)}</td><td>${shortTimeElement(heard, language)}</td></tr>
`,
)}</tbody>
</table>
</div>`
}
</section>`
}
