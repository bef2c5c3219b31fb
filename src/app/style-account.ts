/** The part of the style sheet for the other pages. It uses the colours of `style.ts`. */
export const ACCOUNT_STYLE: string = `
.narrow { width: 100%; max-width: 45rem; display: grid; gap: 1.5rem; }
.caution { background: var(--warn); color: var(--warn-text); border-color: color-mix(in srgb, var(--warn-text) 35%, transparent); }
.caution h2 { font-size: 1rem; }
.counts div { display: flex; justify-content: space-between; align-items: center; padding-block: .375rem; }
.counts div + div { border-top: 1px solid var(--line); }
.counts dd { font-variant-numeric: tabular-nums; font-weight: 600; }
.steps { margin: 0; padding-left: 1.25rem; display: grid; gap: .375rem; font-size: .9375rem; }
.caution p + p { margin-top: .25rem; }
.lines { border-block: 1px solid var(--line); }
.lines li { display: flex; justify-content: space-between; gap: 1rem; padding-block: .5rem; }
.lines li + li { border-top: 1px solid var(--line); }
.lines .name { min-width: 0; overflow-wrap: anywhere; }
.lines .count { flex: none; font-variant-numeric: tabular-nums; font-weight: 600; }
.lines .hint { display: block; overflow-wrap: anywhere; }
.row + .buttons { margin-top: .75rem; }
.buttons { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1rem; }
.buttons .hint { flex: 1; min-width: 12rem; }

.device { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: start; gap: .5rem 1rem; padding-block: 1rem; }
.devices { border-bottom: 1px solid var(--line); }
.device:first-child { padding-top: 0; }
.device + .device { border-top: 1px solid var(--line); }
.device h3 { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .625rem; color: var(--text); font-size: 1rem; overflow-wrap: anywhere; }
.device dl { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: .375rem 2rem; }
.device dt { color: var(--soft); font-size: .8125rem; }
.device dd { font-size: .9375rem; overflow-wrap: anywhere; }
.device details { grid-column: 1 / -1; color: var(--soft); font-size: .875rem; }
.device summary { width: fit-content; cursor: pointer; border-radius: .25rem; }
.device details code { display: block; margin-top: .25rem; overflow-wrap: anywhere; }
.code { padding: .75rem .875rem; border: 1px solid var(--line); border-radius: .625rem; background: var(--raised); white-space: pre-wrap; overflow-wrap: anywhere; }
`
