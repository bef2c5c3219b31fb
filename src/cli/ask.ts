import { createInterface } from 'node:readline'
import { UsageError } from './exit.ts'
import { harmless } from './text.ts'

/**
 * Whether the user at the terminal agrees, before the signal aborts. Throws {@link UsageError} when there is no
 * terminal.
 */
export async function isAgreed(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError('there is no terminal to ask on: add --yes')
  }
  if (signal.aborted) return false
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await new Promise<string>((resolve) => {
    signal.addEventListener('abort', () => lines.close(), { once: true })
    // The end of input and Ctrl-C mean no.
    lines.once('close', () => resolve(''))
    lines.question(`${harmless(question)} [y/N] `, resolve)
  })
  lines.close()
  return /^y(es)?$/i.test(answer.trim())
}
