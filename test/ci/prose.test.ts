import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const LONG = 'A line that goes on and on '.repeat(5).trim()

const BAD_PAGE = `# A page

What is stored stands. The rest
is dropped. Of which one is kept
is settled.

- Good.
  Whoever asks can not
  know it.

| what | b |
| --- | --- |
| Fine. | Nor is it known. |

It is not unknown. There is no record that is not read.
None is to be had.
${LONG}
`

const GOOD_PAGE = `# What does it cost?

Who may call this route? Users that are logged in. The store cannot answer, and not only once.
The value is not undefined until the store answers, and no record that is read changes.
What \`open()\` needs?

\`\`\`
${LONG}
What is stored stands.
\`\`\`

| ${LONG} | What is it? |
| --- | --- |

https://example.com/${'a'.repeat(120)}
`

const BAD_CODE = `#!/usr/bin/env node
/**
 * Reads a record. Of a damaged one the
 * event tells its key.
 * @param {string} name - What is read.
 */
export function read(name) {
  // Fine. Whoever waits
  // is told.
  const one = name // Who asks.
  throw new Error('what is in ' + name + ' cannot be read')
  // ${LONG}
}
`

const GOOD_CODE = `
/**
 * Reads a record. A damaged one is an error.
 * @returns the record
 */
export function read(name) {
  // biome-ignore lint: What is it
  const asked = 'What is the name of it?' // The question.
  const code = 'what is this'
  return \`The record \${name} \${asked} \${code}\`
}
`

const BAD_SCRIPT = `#!/usr/bin/env bash
# Starts it. What runs
# is left.
echo '# What is printed is no comment of this file.' # What stands behind code is not read.
`

function prose(name: string, text: string): { lines: string[]; status: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'viur-session-prose-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, name)
  writeFileSync(file, text)
  const run = spawnSync(process.execPath, ['scripts/prose.mjs', file], { cwd: root })
  const lines = `${run.stderr}`.split('\n').filter((line) => line !== '')
  return { lines: lines.map((line) => line.replace(`${file}:`, '')), status: run.status }
}

/** The line and the rule of each finding. */
const found = (lines: readonly string[]) => lines.map((line) => line.slice(0, line.indexOf(':')))

describe('npm run prose', () => {
  it('names line, rule and sentence of each fault of a page', () => {
    const { lines, status } = prose('page.md', BAD_PAGE)
    expect(found(lines)).toEqual([
      '3 prose-opening',
      '4 prose-opening',
      '8 prose-cannot',
      '8 prose-opening',
      '13 prose-opening',
      '15 prose-double-negative',
      '15 prose-double-negative',
      '16 prose-clipped',
      '17 MD013',
    ])
    expect(lines[1]).toMatch(/one is kept is settled\.$/)
    expect(status).toBe(1)
  })

  it('lets questions, code, tables and addresses of a page pass', () => {
    expect(prose('page.md', GOOD_PAGE)).toEqual({ lines: [], status: 0 })
  })

  it.each(['code.ts', 'code.mjs'])('finds faults in the comments and texts of %s', (name) => {
    const { lines, status } = prose(
      name,
      name.endsWith('.ts') ? BAD_CODE.replace('(name)', '(name: string)') : BAD_CODE,
    )
    expect(found(lines)).toEqual([
      '3 prose-opening',
      '5 prose-opening',
      '8 prose-opening',
      '10 prose-opening',
      '11 prose-opening',
      '12 MD013',
    ])
    expect(lines[0]).toMatch(/damaged one the event tells its key\.$/)
    expect(status).toBe(1)
  })

  it('lets directives, questions and short texts of code pass', () => {
    expect(prose('code.mjs', GOOD_CODE)).toEqual({ lines: [], status: 0 })
  })

  it('reads the comments of a shell script', () => {
    expect(found(prose('script.sh', BAD_SCRIPT).lines)).toEqual(['2 prose-opening'])
  })
})
