import { EXIT, type ExitCode } from './exit.ts'
import type { CommonOptions, Job } from './job.ts'
import { inSeconds } from './list.ts'
import { plainData } from '../record/plain-data.ts'
import { jsonLine } from './text.ts'
import { keyFrom } from './words.ts'

export interface ShowOptions extends CommonOptions {
  readonly data?: boolean
  readonly scope?: string
}

const OUTCOMES = {
  unknown: 'there is no session of this key',
  ended: 'the session has ended',
  expired: 'the session has expired',
  unreadable: 'the session is damaged and cannot be read',
  live: 'the session has changed meanwhile: try again',
}

/** Shows one session: times, user and client, and its data on request. */
export async function show(
  { app, output }: Job,
  text: string,
  { data, scope }: ShowOptions,
): Promise<ExitCode> {
  const key = keyFrom(text)
  const entry = await app.sessions.entry(key)
  if (entry === null) {
    const outcome = await app.sessions.outcomeOf(key)
    output.answer({ outcome }, () => [OUTCOMES[outcome]])
    return EXIT.failed
  }
  const { user, created, lastSeen, expires, client } = entry
  const values = {
    ...(data && { data: plainData(entry.data) }),
    ...(scope !== undefined && { scope: plainData(entry.scope(scope)) }),
  }
  const told = { key, user, created, lastSeen, expires, ...(client && { client }), ...values }
  output.answer({ outcome: 'live', ...told }, () => [
    `key        ${key}`,
    `user       ${user}`,
    `created    ${inSeconds(created)}`,
    `last seen  ${inSeconds(lastSeen)}`,
    `expires    ${inSeconds(expires)}`,
    ...Object.entries(client ?? {}).map(([name, value]) => `${name.padEnd(9)}  ${value}`),
    ...Object.entries(values).flatMap(([name, value]) => linesOf(name, value as object)),
  ])
  return EXIT.done
}

/** Formats the data, or a scope of it. */
function linesOf(name: string, values: object): string[] {
  const entries = Object.entries(values)
  if (entries.length === 0) return [`${name.padEnd(9)}  none`]
  return ['', ...entries.map(([key, value]) => `${key}: ${jsonLine(value)}`)]
}
