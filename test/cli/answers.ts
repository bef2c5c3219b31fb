import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { Output } from '../../src/cli/output.ts'

/** The schema of all answers in the package. */
const schema = JSON.parse(
  readFileSync(new URL('../../src/cli/output.schema.json', import.meta.url), 'utf8'),
) as { readonly $defs: Readonly<Record<string, unknown>> }

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
ajv.addFormat('date-time', (text) => !Number.isNaN(Date.parse(text)) && text.endsWith('Z'))
ajv.addSchema(schema, 'answers')

/** The commands whose answers have a schema. */
export const ANSWERING: readonly string[] = Object.keys(schema.$defs)

/** Returns the JSON lines of a command, each of which must match the schema of the package. */
export function answersOf(command: string, stdout: string): unknown[] {
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
  for (const line of lines) expectAnswer(command, line)
  return lines
}

/** Returns the single answer of a command, which must match the schema of the package. */
export function answerOf(command: string, stdout: string): unknown {
  const lines = answersOf(command, stdout)
  expect(lines).toHaveLength(1)
  return lines[0]
}

/** Fails when the answer does not match the schema of the package. */
export function expectAnswer(command: string, answer: unknown): void {
  const isValid = ajv.validate(`answers#/$defs/${command}`, answer)
  expect({ command, errors: isValid ? [] : ajv.errors }).toEqual({ command, errors: [] })
}

/** Keeps the output of a command that runs in this process. */
export class KeptOutput extends Output {
  readonly answers: unknown[] = []
  /** Notes, warnings and errors. */
  readonly others: string[] = []

  constructor() {
    super(true)
  }

  override answer(value: unknown): void {
    this.answers.push(value)
  }

  override note(text: string): void {
    this.others.push(text)
  }

  override warn(text: string): void {
    this.others.push(text)
  }

  override error(text: string): void {
    this.others.push(text)
  }
}
