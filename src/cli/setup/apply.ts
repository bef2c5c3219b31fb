import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import type { Output } from '../output.ts'
import { shellLine, type Words } from './gcloud.ts'
import type { Step } from './plan.ts'

/** The result of a step. */
export type Done = 'done' | 'there already' | 'failed'

/** Runs one step. An existing file is left unchanged. */
export async function apply(step: Step, output: Output): Promise<Done> {
  if ('file' in step) {
    if (existsSync(step.file)) return 'there already'
    writeFileSync(step.file, step.text)
    return 'done'
  }
  if (step.isDone !== undefined && (await runs(step.isDone, 'ignore')).code === 0) {
    return 'there already'
  }
  output.note(shellLine(step.command))
  return (await runs(step.command, 'inherit')).code === 0 ? 'done' : 'failed'
}

/** Returns the output of a gcloud command; `null` when it fails. */
export async function answerOf(words: Words): Promise<string | null> {
  const { code, stdout } = await runs(words, 'pipe')
  const text = stdout.trim()
  return code === 0 && text !== '' ? text : null
}

/** Runs gcloud. Throws when it is not installed. `inherit`: its output goes to standard error. */
async function runs(
  [program = '', ...words]: Words,
  says: 'ignore' | 'inherit' | 'pipe',
): Promise<{ readonly code: number; readonly stdout: string }> {
  // Standard output is reserved for the command's own answer.
  const stdout = says === 'inherit' ? 2 : says
  const child = spawn(program, words, {
    stdio: ['ignore', stdout, says === 'ignore' ? 'ignore' : 'inherit'],
  })
  let said = ''
  child.stdout?.on('data', (chunk) => (said += chunk))
  return await new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const isMissing = error.code === 'ENOENT'
      reject(
        isMissing
          ? new Error('gcloud is not installed: see https://cloud.google.com/sdk/docs/install')
          : error,
      )
    })
    child.once('close', (code) => resolve({ code: code ?? 1, stdout: said }))
  })
}
