import { styleText } from 'node:util'
import { Bar, type HowFar } from './bar.ts'
import { harmless, jsonLine, wrapped } from './text.ts'

type Style = Parameters<typeof styleText>[0]

/**
 * One line of an answer: a text, a text with a coloured mark before it, or a text for copying, which is never wrapped.
 */
export type Line =
  | string
  | { readonly mark: string; readonly style: Style; readonly text: string }
  | { readonly copy: string }

/** The output of a command: its answer on standard output, everything else on standard error. */
export class Output {
  readonly #json: boolean
  readonly #bar = new Bar()
  /** Whether the current line of the terminal shows progress. */
  #inProgress = false

  /** `json`: the answer is JSON, and only errors and warnings are printed beside it. */
  constructor(json: boolean) {
    this.#json = json
  }

  /** Prints the answer, or one of several: as JSON, or as lines for people. */
  answer(value: unknown, lines: () => readonly Line[]): void {
    this.#clear()
    if (this.#json) process.stdout.write(`${jsonLine(value)}\n`)
    else for (const line of lines()) this.#line(line)
  }

  /** Shows progress, on a terminal only, in one line that is overwritten; as a bar when the end is known. */
  progress(text: string, howFar?: HowFar): void {
    const { stderr } = process
    if (this.#json || !stderr.isTTY) return
    const line = harmless(text).slice(0, Math.max(1, (stderr.columns || 80) - 1))
    if (howFar !== undefined) this.#bar.show(line, howFar)
    else stderr.write(`\r\u001b[K${line}`)
    this.#inProgress = true
  }

  /** Prints the current activity, for people. */
  note(text: string): void {
    if (!this.#json) this.#say('dim', text)
  }

  /** Prints a warning. */
  warn(text: string): void {
    this.#say('yellow', text)
  }

  error(text: string): void {
    this.#say('red', text)
  }

  #line(line: Line): void {
    const { stdout } = process
    if (typeof line !== 'string' && 'copy' in line) {
      stdout.write(`${harmless(line.copy)}\n`)
      return
    }
    const { mark, style, text } =
      typeof line === 'string' ? { mark: '', style: 'reset' as const, text: line } : line
    const indent = mark === '' ? 2 : mark.length + 2
    const before = mark === '' ? '' : `${mark}  `
    const rows = wrapped(`${before}${harmless(text)}`, stdout.isTTY ? stdout.columns : 0, indent)
    const [first = '', ...others] = rows
    const head = mark === '' ? first : `${painted(style, mark, stdout)}${first.slice(mark.length)}`
    stdout.write(`${[head, ...others].join('\n')}\n`)
  }

  #say(style: Style, text: string): void {
    this.#clear()
    const { stderr } = process
    const width = stderr.isTTY ? stderr.columns : 0
    const [first = [], ...others] = text.split('\n').map((row) => wrapped(harmless(row), width, 2))
    const rows = [...first.map((row) => painted(style, row, stderr)), ...others.flat()]
    stderr.write(`${rows.join('\n')}\n`)
  }

  #clear(): void {
    this.#bar.hide()
    if (this.#inProgress) process.stderr.write('\r\u001b[K')
    this.#inProgress = false
  }
}

/** Colours are only for terminals, and respect the user's settings. */
function painted(style: Style, text: string, stream: NodeJS.WriteStream): string {
  const isWanted = stream.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
  return isWanted ? styleText(style, text, { validateStream: false }) : text
}
