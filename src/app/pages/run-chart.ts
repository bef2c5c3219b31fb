import type { RunInfo } from '../../index.ts'
import { type Html, html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'
import { number } from './format.ts'
import type { OpsTexts } from './ops-texts.ts'

/** How many runs there is room for: as many as `status()` tells of. */
const SLOTS = 20

/** In units of the drawing, which is stretched to the width of its place. */
const SLOT = 20
const BAR = 12
const HEIGHT = 100

/** The least that a bar has which stands for more than nothing. */
const VISIBLE = 3

/** Bars of what each run ended, and of what it failed at on top; the oldest run on the left. */
export function runChart(
  newestFirst: readonly RunInfo[],
  texts: OpsTexts,
  language: Language,
): Html {
  const { runs: labels, columns } = texts
  const runs = newestFirst.slice(0, SLOTS).toReversed()
  const most = Math.max(1, ...runs.map(({ ended, failed }) => ended + failed))
  const width = SLOT * SLOTS
  const sum = (what: 'ended' | 'failed'): string =>
    number(
      runs.reduce((total, run) => total + run[what], 0),
      language,
    )
  const died = runs.filter(({ state }) => state === 'died').length
  return html`<figure class="chart">
<p class="scale" aria-hidden="true"><span>${number(most, language)}</span><span>0</span></p>
<svg viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-labelledby="chart-title chart-desc">
<title id="chart-title">${labels.chart}</title>
<desc id="chart-desc">${labels.describe(runs.length, sum('ended'), sum('failed'), died)}</desc>
<path class="grid" d="M0 0.5H${width}M0 ${HEIGHT / 2}H${width}M0 ${HEIGHT - 0.5}H${width}"/>
${runs.map((run, index) => bars(run, index * SLOT + (SLOT - BAR) / 2 + width - runs.length * SLOT, most))}</svg>
<figcaption><ul class="legend"><li class="is-ended">${columns.ended}</li><li class="is-failed">${columns.failed}</li><li class="is-died">${labels.died}</li></ul><span>${labels.newestRight}</span></figcaption>
</figure>`
}

function bars({ ended, failed, state }: RunInfo, x: number, most: number): Html {
  const height = (count: number): number =>
    count === 0 ? 0 : Math.max(VISIBLE, Math.round((count / most) * HEIGHT * 10) / 10)
  const [low, high] = [height(ended), height(failed)]
  // The bar may stand out by what makes a small number visible; it must not leave the drawing.
  const top = Math.min(low, HEIGHT - high)
  const rect = (name: string, y: number, size: number): Html | false =>
    size > 0 && html`<rect class="${name}" x="${x}" y="${y}" width="${BAR}" height="${size}"/>\n`
  return html`${state === 'died' && rect('died', 1, HEIGHT - 2)}${ended + failed === 0 && state !== 'died' && rect('none', HEIGHT - VISIBLE / 2, VISIBLE / 2)}${rect('ended', HEIGHT - top, top)}${rect('failed', HEIGHT - top - high, high)}`
}
