import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Whether this run is a short one, whose numbers are there to see that everything works. */
export const quick = process.argv.includes('--quick')

/** Where bench/run.mjs collects what one whole run has found; without, a part prints its tables. */
const staging = process.env.BENCH_STAGING ?? null

/** Whether this is the Node by which what is measured once is measured: charts, and what does not depend on Node. */
export const isMainNode = process.env.BENCH_MAIN_NODE !== 'no'

/** What a part has found, on this Node: paragraphs and tables of Markdown. */
export function report(part, paragraphs) {
  const text = `${paragraphs.filter(Boolean).join('\n\n').trim()}\n`
  if (staging === null) console.log(`\n== ${part}, Node ${process.version}\n\n${text}`)
  else stage(join('sections', `${part}.${process.version}.md`), text)
}

/** A section of another page than RESULTS.md, by its name there. */
export function reportTo(page, name, text) {
  if (staging !== null && isMainNode) stage(join('pages', page, `${name}.md`), text)
}

/** A chart for the documentation. */
export function chart(name, svg) {
  if (staging !== null && isMainNode) stage(join('charts', `${name}.svg`), svg)
}

/**
 * What is aimed at and what became of it: `{ what, limit, now }`, ratios of this run. `atLeast`: more is better. Those of
 * the main Node alone, unless each Node has an aim of its own.
 */
export function aims(part, list, { everyNode = false } = {}) {
  if (staging === null || (!isMainNode && !everyNode)) return
  stage(join('aims', `${part}.${process.version}.json`), JSON.stringify(list))
}

/** Figures that another script goes on with, as JSON beside this folder. */
export function data(name, value) {
  if (staging !== null && isMainNode)
    stage(join('data', name), `${JSON.stringify(value, null, 2)}\n`)
}

function stage(name, content) {
  const path = join(staging, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** Tells whoever waits how far it has come. */
export function say(message) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${message}`)
}
