import type { RunInfo } from '../../sweep/status.ts'
import { type Html, html } from './html.ts'
import { shownNumber } from './shown-text.ts'

/** In units of the drawings, which are stretched to the available width. */
const WIDTH = 400
const HEIGHT = 100
const SLOTS = 20

/** Draws a bar for each run: the ended sessions, and above them the failed ones; the oldest run on the left. */
export function runChart(newestFirst: readonly RunInfo[]): Html {
  const runs = newestFirst.slice(0, SLOTS).toReversed()
  const most = Math.max(1, ...runs.map(({ ended, failed }) => ended + failed))
  const slot = WIDTH / SLOTS
  const total = (what: 'ended' | 'failed'): string =>
    shownNumber(runs.reduce((sum, run) => sum + run[what], 0))
  const bars = runs.map(({ ended, failed }, at) => {
    const x = WIDTH - (runs.length - at) * slot + slot / 5
    const high = (count: number): number => (count === 0 ? 0 : Math.max(2, (count / most) * HEIGHT))
    const [low, top] = [Math.min(high(ended), HEIGHT - high(failed)), high(failed)]
    const bar = (name: string, y: number, size: number): Html | false =>
      size > 0 &&
      html`<rect class="${name}" x="${x}" y="${y.toFixed(1)}" width="${slot * 0.6}" height="${size.toFixed(1)}"/>`
    return html`${bar('ended', HEIGHT - low, low)}${bar('failed', HEIGHT - low - top, top)}`
  })
  return chart(
    `The latest ${runs.length} runs: ${total('ended')} sessions ended, ${total('failed')} failed`,
    shownNumber(most),
    bars,
    html`<span class="key ended">ended</span> <span class="key failed">failed</span> <span>newest on the right</span>`,
  )
}

/** Draws a line of the backlog that `status()` returned each time this process called it. */
export function backlogChart(points: readonly { at: number; backlog: number }[]): Html | null {
  const [first] = points
  const last = points.at(-1)
  if (first === undefined || last === undefined || last.at <= first.at) return null
  const most = Math.max(1, ...points.map(({ backlog }) => backlog))
  const line = points.map(({ at, backlog }) => {
    const x = ((at - first.at) / (last.at - first.at)) * WIDTH
    return `${x.toFixed(1)},${(HEIGHT - (backlog / most) * HEIGHT).toFixed(1)}`
  })
  return chart(
    `The backlog went from ${shownNumber(first.backlog)} to ${shownNumber(last.backlog)}`,
    shownNumber(most),
    html`<polyline class="line" points="${line.join(' ')}"/>`,
    html`<span>as often as this process has asked; newest on the right</span>`,
  )
}

function chart(said: string, most: string, drawing: Html | readonly Html[], legend: Html): Html {
  return html`<figure class="chart"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${said}">
<path class="grid" d="M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}"/>${drawing}</svg>
<figcaption><span>top: ${most}</span> ${legend}</figcaption></figure>`
}
