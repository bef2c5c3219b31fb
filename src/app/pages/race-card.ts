import { type Html, html } from '../../express/console/html.ts'
import type { RaceResult } from '../session-data.ts'
import { code } from './code.ts'
import type { Texts } from './texts-en.ts'

/** Lets the visitor race two changes of the session, and shows what became of them. */
export function raceCard(result: RaceResult | null, { race }: Texts): Html {
  return html`<section class="card" id="race" aria-labelledby="race-heading">
<h2 id="race-heading">${race.heading}</h2>
<p class="hint" id="race-hint">${race.hint}</p>
${result !== null && outcome(result, race)}
<form method="post" action="/race"><button class="button" aria-describedby="race-hint">${race.start}</button></form>
${code('race')}
</section>`
}

function outcome({ kept, whole }: RaceResult, race: Texts['race']): Html {
  const row = (name: string, label: string, mine: Html, theirs: Html): Html =>
    html`<tr><th scope="row">${label}</th><td id="race-${name}">${mine}</td><td id="whole-${name}">${theirs}</td></tr>\n`
  const verdict = (isKept: boolean): Html =>
    html`<span class="badge ${isKept ? 'good' : 'bad'}">${isKept ? race.kept : race.lost}</span>`
  const counted = (count: number): Html =>
    html`<span class="badge ${count === 2 ? 'good' : 'bad'}">${race.counted(count)}</span>`
  return html`<div role="status">
<table>
<caption class="hidden">${race.outcome}</caption>
<thead><tr><td></td><th scope="col">${race.mine}</th><th scope="col">${race.whole}</th></tr></thead>
<tbody>
${row('left', race.left, verdict(kept.left), verdict(whole.left))}
${row('right', race.right, verdict(kept.right), verdict(whole.right))}
${row('together', race.together, counted(kept.together), counted(whole.together))}
</tbody>
</table>
<p class="hint">${race.why}</p>
</div>`
}
