import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CVES } from './cves.ts'

const FOLDER = new URL('.', import.meta.url)

/** The source of all tests of this folder. */
const tests = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.test.ts') && file !== 'cves.test.ts')
  .map((file) => readFileSync(new URL(file, FOLDER), 'utf8'))
  .join('\n')

/** Whether a test is named after it: `'id: what it shows'`, or `'id'` in the table of a test named `%s: ...`. */
function hasTest(id: string): boolean {
  return tests.includes(`'${id}: `) || tests.includes(`'${id}'`)
}

describe('the published defects of other libraries', () => {
  it.each(CVES.filter(({ without }) => without === null))('have a test: $id', ({ id }) => {
    expect(hasTest(id)).toBe(true)
  })

  it.each(CVES.filter(({ without }) => without !== null))('need none: $id', ({ id, without }) => {
    expect(hasTest(id)).toBe(false)
    expect(without).toMatch(/\w{2}/)
  })

  it('are in the list once each', () => {
    expect(new Set(CVES.map(({ id }) => id)).size).toBe(CVES.length)
  })

  it('are in the list wherever a test names one', () => {
    const known = new Set(CVES.map(({ id }) => id))
    const ids = tests.match(/\b(?:CVE-\d{4}-\d+|GO-\d{4}-\d+)\b/g) ?? []
    expect(ids.filter((id) => !known.has(id))).toEqual([])
  })
})
