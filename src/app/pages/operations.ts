import type { EndReason } from '../../index.ts'
import { type Html, html } from '../../express/console/html.ts'
import type { ConsoleAccess } from '../config.ts'
import type { Looks } from '../looks.ts'
import type { Notice } from '../session-data.ts'
import { code } from './code.ts'
import { number } from './format.ts'
import { page } from './layout.ts'
import { noticeBox } from './notice.ts'
import type { Texts } from './texts-en.ts'
import { textsIn } from './texts-in.ts'

export interface OperationsView extends Looks {
  /** People who may open the console. */
  readonly access: ConsoleAccess['kind']
  /** How many sessions have ended, by reason. */
  readonly ends: readonly (readonly [EndReason, number])[]
  /** How many expired sessions the button makes; `null`: there is no such button here. */
  readonly fill: number | null
  readonly notice: Notice | null
}

/** The page about operations. */
export function operationsPage(view: OperationsView): string {
  const { language, notice } = view
  const texts = textsIn(language)
  const { title, lead } = texts.operations
  return page(
    { ...view, title },
    html`<div class="intro">
<h1>${title}</h1>
<p class="lead">${lead}</p>
</div>
${noticeBox(notice, null, texts)}
<div class="cards">
${consoleCard(view, texts)}
${fillCard(view, texts)}
${sweepCard(texts)}
${endsCard(view, texts)}
</div>`,
  )
}

function consoleCard({ access }: OperationsView, { operations }: Texts): Html {
  const { console: labels } = operations
  return html`<section class="card" aria-labelledby="console-heading">
<h2 id="console-heading">${labels.heading}</h2>
<p class="hint">${labels.hint}</p>
<p>${labels.access[access]}</p>
${access !== 'none' && html`<p><a class="button primary" href="/_console/">${labels.open}</a></p>`}
${code('console')}
</section>`
}

function fillCard({ fill, language }: OperationsView, { operations }: Texts): Html | false {
  const { fill: labels } = operations
  return (
    fill !== null &&
    html`<section class="card" aria-labelledby="fill-heading">
<h2 id="fill-heading">${labels.heading}</h2>
<p class="hint" id="fill-hint">${labels.hint}</p>
<form method="post" action="/ops/fill"><button class="button" aria-describedby="fill-hint">${labels.button(number(fill, language))}</button></form>
${code('fill')}
</section>`
  )
}

function sweepCard({ operations }: Texts): Html {
  const { sweep } = operations
  return html`<section class="card" aria-labelledby="sweep-heading">
<h2 id="sweep-heading">${sweep.heading}</h2>
<p class="hint">${sweep.hint}</p>
<ol class="steps">${sweep.steps.map((step) => html`<li>${step}</li>`)}</ol>
${code('sweep')}
</section>`
}

function endsCard({ ends, language }: OperationsView, { operations }: Texts): Html {
  const { ends: labels } = operations
  return html`<section class="card" aria-labelledby="ends-heading">
<h2 id="ends-heading">${labels.heading}</h2>
<p class="hint">${labels.hint}</p>
<dl class="counts">
${ends.map(
  ([reason, count]) =>
    html`<div><dt>${labels.reasons[reason]}</dt><dd id="count-${reason}">${number(count, language)}</dd></div>
`,
)}</dl>
${code('ends')}
</section>`
}
