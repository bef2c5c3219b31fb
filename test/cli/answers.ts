import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'

/** What the package ships as the form of all answers. */
const schema = JSON.parse(
  readFileSync(new URL('../../src/cli/output.schema.json', import.meta.url), 'utf8'),
) as { readonly $defs: Readonly<Record<string, unknown>> }

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
ajv.addFormat('date-time', (text) => !Number.isNaN(Date.parse(text)) && text.endsWith('Z'))
ajv.addSchema(schema, 'answers')

/** The commands whose answers have a form. */
export const ANSWERING: readonly string[] = Object.keys(schema.$defs)

/** The lines of JSON that a command has said, each of which has to have the form that the package promises. */
export function answersOf(command: string, stdout: string): unknown[] {
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
  for (const line of lines) expectAnswer(command, line)
  return lines
}

/** The one answer of a command, of the form that the package promises. */
export function answerOf(command: string, stdout: string): unknown {
  const lines = answersOf(command, stdout)
  expect(lines).toHaveLength(1)
  return lines[0]
}

function expectAnswer(command: string, answer: unknown): void {
  const isValid = ajv.validate(`answers#/$defs/${command}`, answer)
  expect({ command, errors: isValid ? [] : ajv.errors }).toEqual({ command, errors: [] })
}
