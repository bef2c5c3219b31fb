// A vitest reporter for .ci. It writes one line for each finished case, so that a stopped run has totals too. A failed
// case also has its name and error, for the end of the log: often only the end of a log is kept.
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
  // An assertion may colour its message, but each case must have exactly one line.
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
    // The file could not be loaded, or a hook of the whole file failed, so no case of it failed.
    if (module.errors().length > 0) count('failed', fileOf(module), module.errors())
  }

  /** @param {import('vitest/node').TestSuite} suite */
  onTestSuiteResult(suite) {
    // A hook failed, and the cases of its suite count as skipped.
    if (suite.errors().length > 0) {
      count('failed', `${fileOf(suite.module)} > ${suite.fullName}`, suite.errors())
    }
  }

  /**
   * @param {readonly import('vitest/node').TestModule[]} _modules
   * @param {readonly { message?: string }[]} unhandled
   */
  onTestRunEnd(_modules, unhandled) {
    // An error outside of all cases, such as an unhandled promise: vitest exits with 1 although no case failed.
    if (unhandled.length > 0) count('failed', 'outside of the cases', unhandled)
  }
}
