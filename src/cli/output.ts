import { styleText } from 'node:util'
import { harmless, jsonLine } from './text.ts'

type Style = Parameters<typeof styleText>[0]

/** What a command says: its answer on standard output, everything else on standard error. */
export class Output {
  readonly #json: boolean
  /** Whether the line that stands on the terminal says how far the work is. */
  #inProgress = false

  /** `json`: the answer is JSON, and nothing else is said but errors. */
  constructor(json: boolean) {
    this.#json = json
  }

  /** The answer, or one of several: as JSON, or as lines for people. */
  answer(value: unknown, lines: () => readonly string[]): void {
    this.#clear()
    const said = this.#json ? [jsonLine(value)] : lines().map(harmless)
    for (const line of said) process.stdout.write(`${line}\n`)
  }

  /** How far long work is: one line that is written over, on a terminal only. */
  progress(text: string): void {
    const { stderr } = process
    if (this.#json || !stderr.isTTY) return
    const line = harmless(text).slice(0, Math.max(1, (stderr.columns || 80) - 1))
    stderr.write(`\r\u001b[K${line}`)
    this.#inProgress = true
  }

  /** What somebody should look at. */
  warn(text: string): void {
    this.#say('yellow', text)
  }

  error(text: string): void {
    this.#say('red', text)
  }

  #say(style: Style, text: string): void {
    this.#clear()
    const [first = '', ...others] = text.split('\n').map(harmless)
    process.stderr.write(`${[painted(style, first), ...others].join('\n')}\n`)
  }

  #clear(): void {
    if (this.#inProgress) process.stderr.write('\r\u001b[K')
    this.#inProgress = false
  }
}

/** Colours are for terminals, and not for those who do not want them. */
function painted(style: Style, text: string): string {
  const isWanted =
    process.stderr.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
  return isWanted ? styleText(style, text, { validateStream: false }) : text
}
