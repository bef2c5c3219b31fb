import type { SessionInfo } from '../record/info.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { CommonOptions, Job } from './job.ts'
import { counted } from './text.ts'
import { userFrom } from './words.ts'

export interface ListOptions extends CommonOptions {
  readonly user?: string
}

/** Lists the live sessions, one per line. */
export async function list({ app, output, signal }: Job, options: ListOptions): Promise<ExitCode> {
  const { sessions } = app
  const found =
    options.user === undefined
      ? sessions.listSessions()
      : sessions.listSessionsByUser(userFrom(options.user), { literal: true })
  let count = 0
  for await (const info of found) {
    if (signal.aborted) {
      output.warn(`stopped after ${counted(count, 'session')}`)
      return EXIT.failed
    }
    const { key, user, created, lastSeen, expires, client } = info
    const told = { key, user, created, lastSeen, expires, ...(client && { client }) }
    output.answer(told, () => [...(count === 0 ? [HEAD] : []), lineOf(told)])
    count += 1
  }
  if (count === 0 && options.json !== true) {
    output.warn(
      options.user === undefined ? 'no live session' : `no live session of ${options.user}`,
    )
  }
  return EXIT.done
}

const HEAD = `${'KEY'.padEnd(43)}  ${'LAST SEEN'.padEnd(20)}  ${'EXPIRES'.padEnd(20)}  USER`

function lineOf({ key, user, lastSeen, expires }: SessionInfo): string {
  return `${key}  ${inSeconds(lastSeen)}  ${inSeconds(expires)}  ${user}`
}

/** Formats a time in UTC, to the second. */
export function inSeconds(time: Date): string {
  return `${time.toISOString().slice(0, -5)}Z`
}
