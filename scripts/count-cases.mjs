// A reporter of vitest for .ci: one line for each case when it ends, so that a run that is cut off has totals too.
import { appendFileSync } from 'node:fs'

const file = process.env['VIUR_CI_COUNTS'] ?? '/dev/null'

/** @param {string} state */
function count(state) {
  appendFileSync(file, `${state}\n`)
}

export default class CountCases {
  /** @param {import('vitest/node').TestCase} test */
  onTestCaseResult(test) {
    count(test.result().state)
  }

  /** @param {import('vitest/node').TestModule} module */
  onTestModuleEnd(module) {
    // It could not even be loaded, so it has no case that failed.
    if (module.errors().length > 0) count('failed')
  }

  /** @param {import('vitest/node').TestSuite} suite */
  onTestSuiteResult(suite) {
    // A hook that failed: its cases count as skipped.
    if (suite.errors().length > 0) count('failed')
  }
}
