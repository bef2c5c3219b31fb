/** The part of the style sheet that only the ops page uses. Its colours are those of the rest. */
export const OPS_STYLE: string = `
.caution { background: var(--warn); color: var(--warn-text); border-color: color-mix(in srgb, var(--warn-text) 35%, transparent); }
.caution h2 { font-size: 1rem; }
.caution ul { margin-top: .25rem; padding-left: 1.125rem; list-style: disc; overflow-wrap: anywhere; }
.tile .bad { color: var(--danger); }
.fill { display: grid; gap: .375rem; justify-items: start; margin-top: auto; padding-top: 1rem; border-top: 1px solid var(--line); }
.run { display: grid; gap: .75rem; }
progress { appearance: none; display: block; width: 100%; height: .625rem; border: 0; border-radius: 1rem; overflow: hidden; background: var(--raised); box-shadow: inset 0 0 0 1px var(--edge); }
progress::-webkit-progress-bar { background: none; }
progress::-webkit-progress-value { background: var(--accent); }
progress::-moz-progress-bar { background: var(--accent); }
progress:indeterminate { background: repeating-linear-gradient(-45deg, var(--tint) 0 .5rem, var(--accent) .5rem 1rem); }
.figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1rem; }
.figures dt { color: var(--soft); font-size: .875rem; }
.figures dd { font-size: 1.375rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
.counts div { display: flex; justify-content: space-between; align-items: center; padding-block: .375rem; }
.counts div + div { border-top: 1px solid var(--line); }
.counts dd { font-variant-numeric: tabular-nums; font-weight: 600; }
.badge.reason-expired { background: var(--raised); color: var(--text); }
.badge.reason-reset, .badge.state-died { background: var(--warn); color: var(--warn-text); }
.badge.reason-killed, .badge.state-failed { background: var(--danger-tint); color: var(--danger); }
.badge.state-finished { background: var(--raised); color: var(--text); }

.chart { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .375rem .625rem; margin: 0; }
.chart svg { display: block; width: 100%; height: 9rem; overflow: visible; }
.chart .scale { display: flex; flex-direction: column; justify-content: space-between; margin-block: -.5em; text-align: right; color: var(--soft); font-size: .75rem; line-height: 1; font-variant-numeric: tabular-nums; }
.chart .grid { fill: none; stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.chart .ended { fill: var(--accent); }
.chart .failed { fill: var(--danger); }
.chart .none { fill: var(--edge); }
.chart .died { fill: var(--warn); stroke: var(--warn-text); stroke-width: 1.5; stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
.chart figcaption { grid-column: 2; display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1rem; color: var(--soft); font-size: .8125rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
.legend li { display: flex; align-items: center; gap: .375rem; }
.legend li::before { content: ""; width: .75rem; height: .75rem; border-radius: .1875rem; background: var(--accent); }
.legend .is-failed::before { background: var(--danger); }
.legend .is-died::before { background: var(--warn); border: 1.5px dashed var(--warn-text); }

.scroll { overflow: auto; border: 1px solid var(--line); border-radius: .625rem; }
.scroll.tall { max-height: 24rem; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th, td { padding: .5rem .875rem; text-align: left; white-space: nowrap; }
th { position: sticky; top: 0; background: var(--raised); color: var(--soft); font-weight: 600; }
tbody tr + tr td { border-top: 1px solid var(--line); }
td .hint { display: inline-block; max-width: 22rem; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; }
.figure { text-align: right; font-variant-numeric: tabular-nums; }
@media (forced-colors: active) {
  .chart .ended { fill: CanvasText; }
  .chart .failed { fill: Highlight; }
  .legend li::before { forced-color-adjust: none; }
}
`
