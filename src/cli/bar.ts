import cliProgress from 'cli-progress'

/** How far long work is: of so many. */
export interface HowFar {
  readonly done: number
  readonly of: number
}

/** What stands beside the bar: its ends, a percentage and spaces. */
const BESIDE = 9

const LONGEST = 40

/** A bar on the terminal of standard error, in one line that is written over. */
export class Bar {
  #bar: cliProgress.SingleBar | null = null

  show(text: string, { done, of }: HowFar): void {
    const columns = process.stderr.columns || 80
    // The text may grow by a digit or two.
    const room = columns - 1 - BESIDE - 4 - text.length
    if (this.#bar === null) {
      this.#bar = new cliProgress.SingleBar(
        {
          format: '[{bar}] {percentage}% {text}',
          stream: process.stderr,
          barsize: Math.max(1, Math.min(LONGEST, room)),
          barCompleteChar: '#',
          barIncompleteChar: '-',
          clearOnComplete: true,
          // Signals are the command's own.
          gracefulExit: false,
        },
        cliProgress.Presets.legacy,
      )
      this.#bar.start(of, done, { text })
      return
    }
    this.#bar.setTotal(of)
    this.#bar.update(done, { text: text.slice(0, Math.max(1, columns - 1 - BESIDE)) })
  }

  hide(): void {
    this.#bar?.stop()
    this.#bar = null
  }
}
