import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const CASES = `
import { beforeAll, describe, expect, it } from '${import.meta.resolve('vitest')}'
it('passes', () => expect(1).toBe(1))
it('fails', () => expect({ a: 1 }).toEqual({ a: 2 }))
describe('a hook', () => {
  beforeAll(() => { throw new Error('fails too\\nand says more') })
  it('never runs', () => expect(1).toBe(1))
})
`

it('ends with the names of the cases that failed, and with the totals of all runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'viur-session-steps-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'some.test.mjs'), CASES)
  writeFileSync(join(folder, 'vitest.config.mjs'), 'export default { test: { isolate: false } }')
  const script = `
    source .ci/steps.sh
    node_dir=''
    tests 'a run' --root '${folder}' --config '${folder}/vitest.config.mjs'
    tests 'a run that does not begin' --no-such-option
    ended=yes`
  const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', script, `${root}.ci/x`], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(ran.stdout.slice(ran.stdout.indexOf('FAILED: '))).toBe(`FAILED: a run, exit status 1
FAILED: a run that does not begin, exit status 1

== failed in: a run
[] some.test.mjs > fails: expected { a: 1 } to deeply equal { a: 2 }
[] some.test.mjs > a hook: fails too

== failed in: a run that does not begin
no case: see the end of its output
1 passed, 3 failed, 1 skipped
`)
  expect(ran.status).toBe(1)
})
