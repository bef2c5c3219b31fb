import type { SessionLogger } from '../base/logger.ts'

/** One problem of one or many sessions, as it is stored in the record of a run. */
export interface Problem {
  readonly message: string
  readonly level: 'warn' | 'error'
  /** The cause: which observer, which iterator. */
  readonly of: string
  count: number
  /** Details of the first occurrence. */
  readonly example: Readonly<Record<string, string>>
  /** The ids of the occurrences, as far as there is room. */
  readonly ids?: string[]
}

/** The largest number of different problems. */
const MAX_KINDS = 50

/** The largest number of `ids` of one problem. */
const MAX_IDS = 50

/**
 * Sums up problems of many sessions, so that the log gets one line for each kind of problem and not for each session.
 */
export class Problems {
  readonly list: Problem[]

  /** `list`: an earlier sum, which this one continues. */
  constructor(list: Problem[] = []) {
    this.list = list
  }

  note(
    problem: Omit<Problem, 'count' | 'level' | 'ids'> & {
      readonly level?: Problem['level']
      readonly id?: string
    },
  ): void {
    const { message, of, example, level = 'warn', id } = problem
    const known = this.list.find((one) => one.message === message && one.of === of)
    if (known !== undefined) {
      known.count += 1
      if (id !== undefined && known.ids !== undefined && known.ids.length < MAX_IDS) {
        known.ids.push(id)
      }
    } else if (this.list.length < MAX_KINDS) {
      this.list.push({
        message,
        level,
        of,
        count: 1,
        example,
        ...(id !== undefined && { ids: [id] }),
      })
    }
  }

  /** Adds the problems of another sum. */
  add({ list }: Problems): void {
    for (const { count, ids = [], ...problem } of list) {
      const known = this.list.find(
        (one) => one.message === problem.message && one.of === problem.of,
      )
      if (known === undefined) this.list.push({ ...problem, count, ...(ids.length > 0 && { ids }) })
      else {
        known.count += count
        known.ids?.push(...ids.slice(0, MAX_IDS - known.ids.length))
      }
    }
  }

  /** Logs one line for each problem, and clears the list. */
  log(logger: SessionLogger): void {
    for (const { message, level, of, count, example, ids } of this.list.splice(0)) {
      const details = { of, count, ...example, ...(ids !== undefined && { ids }) }
      if (level === 'error') logger.error?.(message, details)
      else logger.warn(message, details)
    }
  }
}

/** Returns the message of an error for the log. */
export function sayingOf(error: unknown): string {
  return error instanceof Error ? error.message : 'threw a value that is not an Error'
}
