/** The style sheet of the console, for light and dark, narrow and wide screens. */
export const STYLE: string = `
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1a2230; --soft: #4d5866; --line: #d3d9e0; --accent: #1557b0; --danger: #a3221b; --warn: #fff3d6; --warn-text: #5c4300; }
@media (prefers-color-scheme: dark) { :root { --back: #12161c; --card: #1b2129; --text: #e8ecf1; --soft: #b0bac6; --line: #39424e; --accent: #8ab8ff; --danger: #ff9d94; --warn: #3a2f10; --warn-text: #ffdf94; } }
* { box-sizing: border-box; margin: 0; }
body { background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
header, main { max-width: 76rem; margin-inline: auto; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; justify-content: space-between; }
header p { color: var(--soft); font-size: .875rem; }
main { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); padding-top: 0; }
h1 { font-size: 1.25rem; }
h2 { font-size: 1.0625rem; margin-bottom: .5rem; }
a { color: var(--accent); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; min-width: 0; }
.pair { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.note { background: var(--warn); color: var(--warn-text); }
.tiles { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }
.tiles dt, .soft { color: var(--soft); font-size: .875rem; }
.tiles dd { font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.list { display: grid; grid-template-columns: minmax(0, auto) minmax(0, 1fr); gap: .25rem 1rem; }
.list dt { color: var(--soft); }
.bad { color: var(--danger); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { padding: .375rem .75rem .375rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: normal; }
td.wide { overflow-wrap: anywhere; min-width: 12rem; }
.figure { text-align: right; font-variant-numeric: tabular-nums; }
code, .key-name { font: .875em ui-monospace, monospace; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin-top: .5rem; }
label { display: grid; gap: .25rem; font-size: .875rem; min-width: 0; }
label.check { display: flex; gap: .5rem; align-items: center; min-height: 2.5rem; }
input { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--soft); border-radius: .375rem; padding: .375rem .5rem; max-width: 100%; }
button { font: inherit; min-height: 2.5rem; padding: .25rem 1rem; border-radius: .375rem; border: 1px solid var(--accent); background: var(--card); color: var(--accent); cursor: pointer; }
button.danger { border-color: var(--danger); color: var(--danger); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
progress { width: 100%; accent-color: var(--accent); }
.chart { margin: .5rem 0 0; }
.chart svg { display: block; width: 100%; height: 7rem; }
.chart .grid { stroke: var(--line); fill: none; vector-effect: non-scaling-stroke; }
.chart .line { stroke: var(--accent); stroke-width: 2; fill: none; vector-effect: non-scaling-stroke; }
.chart rect.ended { fill: var(--accent); }
.chart rect.failed { fill: var(--danger); }
.chart figcaption { display: flex; flex-wrap: wrap; gap: .25rem 1rem; color: var(--soft); font-size: .8125rem; }
.key::before { content: ""; display: inline-block; width: .75em; height: .75em; margin-right: .375em; background: var(--accent); }
.key.failed::before { background: var(--danger); }
`
