/** The part of the style sheet for code, drawings and tables. It uses the colours of `style.ts`. */
export const TEACHING_STYLE: string = `
.source { margin: auto 0 0; border: 1px solid var(--line); border-radius: .625rem; overflow: hidden; background: var(--raised); }
.source figcaption { padding: .375rem .875rem; border-bottom: 1px solid var(--line); color: var(--soft); font: .75rem/1.5 ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.source pre { padding: .625rem .875rem; font-size: .8125rem; line-height: 1.55; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 2; }
.source code { font: inherit; }
/* The rest of a line that does not fit is indented. */
.source span { display: block; padding-left: 2ch; text-indent: -2ch; }
.facts + .source { margin-top: 1rem; }
.card > .source + .source { margin-top: 0; }

.life { margin: 0; display: grid; gap: .75rem; }
.life svg { display: block; width: 100%; height: 2rem; }
.life .rest { fill: var(--line); }
.life .idle { fill: var(--tint-strong); }
.life .used { fill: var(--accent); }
.life path { fill: none; stroke: var(--text); stroke-width: 2; vector-effect: non-scaling-stroke; }
.life .limit { stroke: var(--edge); }
.legend { display: flex; flex-wrap: wrap; gap: .375rem 2rem; font-size: .875rem; color: var(--soft); }
.legend li { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .375rem; }
.legend li::before { content: ""; width: .75rem; height: .75rem; border-radius: .1875rem; }
.legend strong { color: var(--text); font-weight: 600; font-variant-numeric: tabular-nums; }
.legend .used::before { background: var(--accent); }
.legend .idle::before { background: var(--tint-strong); }
.legend .rest::before { background: var(--line); box-shadow: inset 0 0 0 1px var(--edge); }

table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th, td { padding: .5rem .75rem .5rem 0; text-align: left; vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 500; }
tbody th, tbody td { border-top: 1px solid var(--line); }
table + .hint { margin-top: .5rem; }
.badge.good { background: var(--good); color: var(--good-text); }
.badge.bad { background: var(--danger-tint); color: var(--danger); }

@media (forced-colors: active) {
  .life .rest { fill: Canvas; stroke: CanvasText; }
  .life .idle { fill: GrayText; }
  .life .used { fill: Highlight; }
  .life path, .life .limit { stroke: CanvasText; }
  .legend li::before { forced-color-adjust: none; border: 1px solid CanvasText; background: Canvas; }
  .legend .idle::before { background: GrayText; }
  .legend .used::before { background: Highlight; }
  .badge { border: 1px solid; }
}
`
