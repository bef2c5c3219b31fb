import type { Line } from '../output.ts'
import type { Check } from './check.ts'

const MARKS = {
  ok: { mark: 'ok     ', style: 'green' },
  warning: { mark: 'warning', style: 'yellow' },
  failure: { mark: 'failure', style: 'red' },
} as const

/** Formats a check for people; the remedy has its own line, so that it can be copied. */
export function linesOf({ name, state, says, cure }: Check): Line[] {
  const line = { ...MARKS[state], text: `${name}: ${says}` }
  return cure === undefined ? [line] : [line, { copy: `         ${cure}` }]
}
