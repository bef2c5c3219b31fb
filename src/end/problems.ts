import type { SessionLogger } from '../base/logger.ts'

/** One thing that went wrong for one session or for many, as it is kept in the record of a run. */
export interface Problem {
  readonly message: string
  readonly level: 'warn' | 'error'
  /** Whose it is: which observer, which iterator. */
  readonly of: string
  count: number
  /** What is known of the first one. */
  readonly example: Readonly<Record<string, string>>
  /** What has to be known of each, as far as there is room. */
  readonly ids?: string[]
}

/** How many different problems are told apart. */
const MAX_KINDS = 50

/** How many `ids` are kept of one problem. */
const MAX_IDS = 50

/** Sums up what goes wrong with many sessions, so that the log gets one line for each kind of it and not for each session. */
export class Problems {
  readonly list: Problem[]

  /** `list`: what was summed up before, to go on with. */
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

  /** Takes over what another sum holds. */
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

  /** Writes a line for each, and forgets them. */
  log(logger: SessionLogger): void {
    for (const { message, level, of, count, example, ids } of this.list.splice(0)) {
      const details = { of, count, ...example, ...(ids !== undefined && { ids }) }
      if (level === 'error') logger.error?.(message, details)
      else logger.warn(message, details)
    }
  }
}

/** What an error says, for a line in the log. */
export function sayingOf(error: unknown): string {
  return error instanceof Error ? error.message : 'threw a value that is not an Error'
}
