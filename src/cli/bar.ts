import cliProgress from 'cli-progress'

/** Progress of long work. */
export interface HowFar {
  readonly done: number
  readonly of: number
}

/** Width of the bar's ends, its percentage and its spaces, in characters. */
const BESIDE = 9

const LONGEST = 40

/** A progress bar on the terminal of standard error, in one line that is overwritten. */
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
          // The command handles signals itself.
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
