import { createHash } from 'node:crypto'
import { ACCOUNT_STYLE } from './style-account.ts'
import { TEACHING_STYLE } from './style-teaching.ts'

// Every pair of text and ground below has a contrast of at least 4.5 to 1, and every edge of a control 3 to 1.
const LIGHT = `
  color-scheme: light;
  --ground: #f5f6f8; --surface: #ffffff; --raised: #f0f2f5; --line: #dde1e8; --edge: #838c9d;
  --text: #171b24; --soft: #566074; --accent: #3949c6; --accent-strong: #2c3aa6; --on-accent: #ffffff;
  --tint: #eceefb; --tint-strong: #a9b2ef; --tint-text: #2a3594; --good: #e0f3e6; --good-text: #14592f; --pressed: #ffffff; --warn: #fdf1d7; --warn-text: #6d4700; --danger: #b3261e; --danger-tint: #fbeceb;
  --shadow: 0 1px 2px rgb(20 26 40 / 6%), 0 6px 20px rgb(20 26 40 / 4%);`

const DARK = `
  color-scheme: dark;
  --ground: #0f1218; --surface: #171b23; --raised: #1f242e; --line: #2b313d; --edge: #6d778a;
  --text: #e9ecf2; --soft: #a0a9ba; --accent: #a3aeff; --accent-strong: #bcc4ff; --on-accent: #10142e;
  --tint: #22284a; --tint-strong: #4a55a6; --tint-text: #c8ceff; --good: #16321f; --good-text: #9fe0b4; --pressed: #3a4251; --warn: #3a2f16; --warn-text: #f5d48a; --danger: #ff9a92; --danger-tint: #3a1f1f;
  --shadow: none;`

/** The style sheet. It is a module because tsc, which makes `dist`, copies no other files. */
export const STYLE: string = `
:root {${LIGHT}
}
@media (prefers-color-scheme: dark) { :root {${DARK}
} }
:root[data-theme="light"] {${LIGHT}
}
:root[data-theme="dark"] {${DARK}
}

*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 5rem; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column;
  background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1, h2, h3, p, ul, dl, dd, pre, fieldset { margin: 0; padding: 0; }
ul { list-style: none; }
h1 { font-size: clamp(1.75rem, 1.4rem + 1.6vw, 2.5rem); line-height: 1.15; letter-spacing: -0.02em; text-wrap: balance; }
h2 { font-size: 1.125rem; line-height: 1.4; letter-spacing: -0.005em; display: flex; align-items: center; gap: .625rem; }
h3 { font-size: .875rem; font-weight: 600; color: var(--soft); }
code, pre { font: .875em/1.5 ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
button, input { font: inherit; color: inherit; }
button { cursor: pointer; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
main:focus { outline: none; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.hint, .empty { color: var(--soft); font-size: .875rem; }
.skip { position: absolute; left: 1rem; top: -4rem; z-index: 2; padding: .5rem 1rem; border-radius: .5rem; background: var(--accent); color: var(--on-accent); }
.skip:focus { top: .75rem; }

.bar { position: sticky; top: 0; z-index: 1; background: var(--surface); border-bottom: 1px solid var(--line); }
.bar-inner, main, .foot { width: 100%; max-width: 68rem; margin-inline: auto; padding-inline: 1.5rem; }
.bar-inner { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.25rem; padding-block: .75rem; }
.brand { display: flex; align-items: center; gap: .625rem; color: var(--text); font-weight: 650; letter-spacing: -0.01em; text-decoration: none; border-radius: .375rem; white-space: nowrap; }
.badge { padding: .125rem .5rem; border-radius: 1rem; background: var(--tint); color: var(--tint-text); font-size: .75rem; font-weight: 600; letter-spacing: 0; white-space: nowrap; }
.badge.warn { background: var(--warn); color: var(--warn-text); }
.bar nav { flex: 1; }
.bar nav ul { display: flex; flex-wrap: wrap; gap: .25rem; }
.bar nav li:has([href^="/login"]) { margin-left: auto; }
.bar nav a { display: block; padding: .375rem .75rem; border-radius: .5rem; color: var(--soft); font-size: .9375rem; font-weight: 550; text-decoration: none; }
.bar nav a:hover { color: var(--text); background: var(--raised); }
.bar nav a[aria-current] { color: var(--tint-text); background: var(--tint); }
.controls { display: flex; flex-wrap: wrap; gap: .5rem .75rem; }
.segments { display: flex; padding: .1875rem; gap: .125rem; border-radius: .625rem; background: var(--raised); }
.segments button { min-height: 2rem; padding: 0 .75rem; border: 0; border-radius: .4375rem; background: none; color: var(--soft); font-size: .875rem; font-weight: 500; }
.segments button:hover { color: var(--text); }
.segments button[aria-pressed="true"] { background: var(--pressed); color: var(--text); box-shadow: 0 1px 2px rgb(0 0 0 / 18%); }

main { flex: 1; display: grid; align-content: start; gap: 1.5rem; padding-block: 2.5rem 3rem; }
.lead { max-width: 44rem; margin-top: .75rem; color: var(--soft); font-size: 1.0625rem; text-wrap: pretty; }
.notice { padding: .875rem 1.125rem; border-radius: .75rem; background: var(--tint); color: var(--tint-text); border: 1px solid color-mix(in srgb, var(--accent) 35%, transparent); }
.notice .change { white-space: nowrap; opacity: .95; }

.tiles { display: grid; grid-template-columns: repeat(4, 1fr); background: var(--surface); border: 1px solid var(--line); border-radius: .875rem; box-shadow: var(--shadow); }
.tile { padding: 1.125rem 1.375rem; min-width: 0; }
.tile + .tile { border-left: 1px solid var(--line); }
.tile dt { color: var(--soft); font-size: .875rem; font-weight: 500; }
.tile .value { margin-top: .125rem; font-size: 1.375rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.015em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile .hint { font-size: .8125rem; }

.cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.5rem; }
.card { display: flex; flex-direction: column; gap: 1rem; padding: 1.375rem; min-width: 0; background: var(--surface); border: 1px solid var(--line); border-radius: .875rem; box-shadow: var(--shadow); }
.card > h2 + .hint { margin-top: -.625rem; }

.button { display: inline-flex; align-items: center; justify-content: center; min-height: 2.5rem; padding: 0 1rem; border: 1px solid var(--edge); border-radius: .5rem; background: var(--surface); color: var(--text); font-size: .9375rem; font-weight: 550; text-decoration: none; white-space: nowrap; }
.button:hover { background: var(--raised); }
.button.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
.button.primary:hover { border-color: var(--accent-strong); background: var(--accent-strong); }
.button.danger { border-color: var(--danger); color: var(--danger); }
.button.danger:hover { background: var(--danger-tint); }
.button.quiet { border-color: transparent; padding-inline: .625rem; color: var(--soft); font-size: .875rem; }
.button.quiet:hover { color: var(--danger); background: var(--danger-tint); }

.people { display: grid; }
.person { display: flex; align-items: center; gap: .875rem; padding-block: .625rem; }
.people .person + .person { border-top: 1px solid var(--line); }
.person.current { flex-wrap: wrap; padding: .875rem; border-radius: .625rem; background: var(--raised); }
.who { flex: 1; min-width: 0; overflow-wrap: break-word; }
.current .who { min-width: 11rem; }
.who strong { display: block; font-weight: 600; }
.current .avatar { background: var(--pressed); color: var(--text); }
.avatar { flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: 50%; background: var(--tint); color: var(--tint-text); font-size: .875rem; font-weight: 650; }

.items { border-block: 1px solid var(--line); }
.items li + li { border-top: 1px solid var(--line); }
.item { display: flex; align-items: center; gap: .75rem; padding-block: .5rem; }
.item .name { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.stepper { flex: none; display: flex; align-items: center; border: 1px solid var(--edge); border-radius: .5rem; }
.stepper button { width: 2.25rem; height: 2.25rem; border: 0; border-radius: .4375rem; background: none; font-size: 1.125rem; line-height: 1; }
.stepper button:hover { background: var(--raised); }
.stepper .count { min-width: 1.75rem; text-align: center; font-variant-numeric: tabular-nums; font-weight: 600; }
.empty { padding: 1rem; border: 1px dashed var(--line); border-radius: .625rem; text-align: center; }
.add { display: grid; grid-template-columns: minmax(0, 1fr); gap: .375rem; margin-top: auto; }
.add label { font-size: .875rem; font-weight: 550; }
.row { display: flex; gap: .5rem; }
.row input { flex: 1; min-width: 0; min-height: 2.5rem; padding: 0 .75rem; border: 1px solid var(--edge); border-radius: .5rem; background: var(--surface); }
.row input::placeholder { color: var(--soft); opacity: 1; }

fieldset { border: 0; min-width: 0; display: grid; gap: .125rem; margin-bottom: 1rem; }
.choice { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .625rem; min-height: 2.5rem; padding: .25rem .625rem; margin-inline: -.625rem; border-radius: .5rem; cursor: pointer; }
.choice:hover { background: var(--raised); }
.choice input { width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--accent); }
.choice:has(:checked) span:not(.hint) { font-weight: 600; }
.choice .hint { margin-left: auto; }
.action { display: grid; grid-template-columns: 10.5rem 1fr; align-items: center; gap: .5rem 1rem; padding-block: .75rem; border-top: 1px solid var(--line); }
.action + .action { margin-top: -1rem; }

.columns { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.5rem 2.5rem; }
.columns h3 { margin-bottom: .5rem; }
.columns .data + h3 { margin-top: 1.25rem; }
.facts div { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: .125rem 1rem; padding-block: .5rem; border-top: 1px solid var(--line); font-size: .9375rem; }
.facts dt { color: var(--soft); }
.facts dd { overflow-wrap: anywhere; }
.data { display: grid; gap: .75rem; }
.data div { border: 1px solid var(--line); border-radius: .625rem; overflow: hidden; }
.data dt { padding: .375rem .875rem; background: var(--raised); border-bottom: 1px solid var(--line); font-weight: 600; }
.data pre { max-height: 22rem; overflow: auto; padding: .625rem .875rem; white-space: pre-wrap; overflow-wrap: anywhere; }

.problem { max-width: 36rem; margin-block: 2rem; display: grid; gap: 1rem; justify-items: start; }
.problem .status { padding: .125rem .75rem; border-radius: 1rem; background: var(--tint); color: var(--tint-text); font-weight: 650; font-variant-numeric: tabular-nums; }
.foot { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1.5rem; padding-block: 1.25rem 2rem; color: var(--soft); font-size: .875rem; }

${ACCOUNT_STYLE}${TEACHING_STYLE}
@media (min-width: 100rem) {
  .bar-inner, main, .foot { max-width: 98rem; }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
@media (max-width: 52rem) {
  .cards, .columns { grid-template-columns: minmax(0, 1fr); }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .tile:nth-child(3) { border-left: 0; }
  .tile:nth-child(n + 3) { border-top: 1px solid var(--line); }
}
@media (max-width: 36rem) {
  .bar { position: static; }
  .bar nav { flex: none; width: calc(100% + 1.5rem); margin-inline: -.75rem; }
  .bar nav ul { gap: 0; }
  .bar nav a { padding-inline: .625rem; }
  .bar nav li:has([href^="/login"]) { margin: 0; }
  .bar-inner, main, .foot { padding-inline: 1rem; }
  main { gap: 1rem; padding-block: 1.75rem 2rem; }
  .cards { gap: 1rem; }
  .card { padding: 1.125rem; }
  .tile { padding: .875rem 1rem; }
  .tile .value { font-size: 1.1875rem; }
  .notice .change { display: block; white-space: normal; }
  .segments button, .button, .row input { min-height: 2.75rem; }
  .button { white-space: normal; padding-block: .375rem; }
  .avatar { width: 2rem; height: 2rem; font-size: .75rem; }
  .people .person { gap: .5rem; }
  .stepper button { width: 2.75rem; height: 2.75rem; }
  .item { flex-wrap: wrap; gap: .375rem .75rem; }
  .item .name { flex-basis: 100%; }
  .item .quiet { margin-left: auto; }
  .facts div { grid-template-columns: minmax(0, 1fr); }
  .action { grid-template-columns: minmax(0, 1fr); }
  .choice .hint { flex-basis: 100%; margin-left: 1.75rem; }
}
@media (forced-colors: active) {
  .segments button[aria-pressed="true"] { outline: 2px solid; }
  .bar nav a[aria-current] { outline: 2px solid; }
}
`

/** The address of the style sheet. It has a hash, so that browsers can cache it for ever. */
export const STYLE_URL: string = `/style.css?v=${createHash('sha256').update(STYLE).digest('hex').slice(0, 12)}`

/** The icon of the app, for the tab and the header. */
export const ICON: string = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="8" fill="#3949c6"/>
<path d="M9 10.5 16 23l7-12.5" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>
<circle cx="16" cy="9.5" r="2.25" fill="#fff"/>
</svg>
`
