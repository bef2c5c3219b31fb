// A reporter of vitest for .ci: one line for each case when it ends, so that a run that is cut off has totals too. Behind
// one that failed stand its name and what it said, for the end of the log: often nothing else of a log is kept.
import { appendFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

const file = process.env['VIUR_CI_COUNTS'] ?? '/dev/null'

/**
 * @param {string} state
 * @param {string} [name]
 * @param {readonly { message?: string }[]} [errors]
 */
function count(state, name, errors = []) {
  const said = errors.map(({ message }) => (message ?? '').trim().split('\n')[0]).join(' | ')
  const what = name === undefined ? '' : ` ${name}: ${said.slice(0, 300)}`
  // An assertion may colour its message, and a line is one line.
  const line = stripVTControlCharacters(what).replace(/\p{Cc}+/gu, ' ')
  appendFileSync(file, `${state}${line}\n`)
}

/** @param {import('vitest/node').TestModule} module */
function fileOf(module) {
  return `[${module.project.name}] ${module.relativeModuleId}`
}

export default class CountCases {
  /** @param {import('vitest/node').TestCase} test */
  onTestCaseResult(test) {
    const { state, errors } = test.result()
    if (state !== 'failed') count(state)
    else count(state, `${fileOf(test.module)} > ${test.fullName}`, errors)
  }

  /** @param {import('vitest/node').TestModule} module */
  onTestModuleEnd(module) {
    // It could not even be loaded, or a hook of the whole file failed, so it has no case that failed.
    if (module.errors().length > 0) count('failed', fileOf(module), module.errors())
  }

  /** @param {import('vitest/node').TestSuite} suite */
  onTestSuiteResult(suite) {
    // A hook that failed: its cases count as skipped.
    if (suite.errors().length > 0) {
      count('failed', `${fileOf(suite.module)} > ${suite.fullName}`, suite.errors())
    }
  }

  /**
   * @param {readonly import('vitest/node').TestModule[]} _modules
   * @param {readonly { message?: string }[]} unhandled
   */
  onTestRunEnd(_modules, unhandled) {
    // Outside of every case, such as a promise that nobody handled: vitest ends with 1 for it, and no case failed.
    if (unhandled.length > 0) count('failed', 'outside of the cases', unhandled)
  }
}
