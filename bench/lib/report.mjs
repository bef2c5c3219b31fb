import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Whether this is a short run, which only shows that everything works. */
export const quick = process.argv.includes('--quick')

/** The folder in which bench/run.mjs collects the results of a whole run; without it, a part prints its tables. */
const staging = process.env.BENCH_STAGING ?? null

/**
 * Whether this Node also measures the parts that need only one Node: charts, and figures that do not depend on Node.
 */
export const isMainNode = process.env.BENCH_MAIN_NODE !== 'no'

/** Reports the results of a part on this Node: paragraphs and tables of Markdown. */
export function report(part, paragraphs) {
  const text = `${paragraphs.filter(Boolean).join('\n\n').trim()}\n`
  if (staging === null) console.log(`\n== ${part}, Node ${process.version}\n\n${text}`)
  else stage(join('sections', `${part}.${process.version}.md`), text)
}

/** Reports a section of another page than RESULTS.md, by its name there. */
export function reportTo(page, name, text) {
  if (staging !== null && isMainNode) stage(join('pages', page, `${name}.md`), text)
}

/** Reports a chart for the documentation. */
export function chart(name, svg) {
  if (staging !== null && isMainNode) stage(join('charts', `${name}.svg`), svg)
}

/**
 * Reports targets and their present values: `{ what, limit, now }`, ratios of this run. `atLeast`: more is better. Only
 * the main Node reports them, unless each Node has its own target.
 */
export function aims(part, list, { everyNode = false } = {}) {
  if (staging === null || (!isMainNode && !everyNode)) return
  stage(join('aims', `${part}.${process.version}.json`), JSON.stringify(list))
}

/** Reports figures for another script, as JSON beside this folder. */
export function data(name, value) {
  if (staging !== null && isMainNode)
    stage(join('data', name), `${JSON.stringify(value, null, 2)}\n`)
}

function stage(name, content) {
  const path = join(staging, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** Prints progress. */
export function say(message) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${message}`)
}
