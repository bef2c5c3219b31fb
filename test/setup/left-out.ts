import type { Reporter, TestModule, Vitest } from 'vitest/node'
import { PROJECTS } from './projects.ts'

/**
 * Prints at the end what was left out: projects that did not run, and skipped tests that passed in no other project.
 * With CI set, a skipped test fails the run, so that half a run never looks like a whole one. Tests that need packages
 * of the nightly run have `(not installed: ...)` in their names; they are printed without a failure.
 */
export default class LeftOut implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const vitest = this.#vitest
    if (vitest === undefined || vitest.config.testNamePattern !== undefined) return
    const ran = new Set<string>()
    const skipped = new Set<string>()
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const isSkipped = test.result().state === 'skipped'
        const set = isSkipped ? skipped : ran
        set.add(`${module.relativeModuleId} > ${test.fullName}`)
      }
    }
    const missed = [...skipped].filter((name) => !ran.has(name))
    const projects = PROJECTS.filter(
      (name) => !vitest.projects.some((project) => project.name === name),
    )
    if (projects.length > 0) say(`Left out: the project ${projects.join(', ')}.`)
    if (missed.length === 0) return
    say(`LEFT OUT: ${missed.length} tests were skipped:`)
    const places = missed.map((name) => (isOptional(name) ? name.replace(/\).*/s, ')') : name))
    for (const place of new Set(places)) say(`  ${place}`)
    if (process.env['CI'] && !missed.every(isOptional)) process.exitCode = 1
  }
}

function isOptional(name: string): boolean {
  return name.includes('(not installed: ')
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
