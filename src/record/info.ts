import type { ClientHints, SessionRecord } from './record.ts'
import type { SessionKey } from './id.ts'
import { nodeNet } from '../base/node-builtins.ts'

/** Another session, seen without its cookie. */
export interface SessionInfo {
  /** Names the session; no secret. What `entry()`, `outcomeOf()` and `killSession()` take. */
  readonly key: SessionKey
  /** Whose session it is; `__guest__` where nobody is logged in. */
  readonly user: string
  /** When it began. */
  readonly created: Date
  /** As noted down; up to `touchEvery` behind. */
  readonly lastSeen: Date
  /** When it ends unless it is used before. */
  readonly expires: Date
  /** Where the user logged in from, when `login()` was asked to keep it. */
  readonly client?: ClientHints
}

export function infoOf(record: SessionRecord): SessionInfo {
  const { key, user, created, lastSeen, expires, client } = record
  return {
    key,
    user,
    created: new Date(created),
    lastSeen: new Date(lastSeen),
    expires: new Date(expires),
    ...(client && { client }),
  }
}

/** How much of a User-Agent header is kept, in characters. */
const MAX_AGENT = 256

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/**
 * What a list of devices may keep of a client: of the agent a bounded text without control characters, of the address
 * the network and not the person. `null` when nothing is left.
 */
export function clientHints(agent: unknown, address: unknown): ClientHints | null {
  const name = typeof agent === 'string' ? agent.replace(CONTROLS, ' ').trim() : ''
  const network = typeof address === 'string' ? shortened(address) : null
  if (name === '' && network === null) return null
  return {
    // A pair of surrogates that the cut parts would be no text that Datastore takes.
    ...(name !== '' && { agent: name.slice(0, MAX_AGENT).toWellFormed() }),
    ...(network !== null && { address: network }),
  }
}

/** The address with 24 bits of IPv4 or 48 of IPv6 left, the rest zero; `null` for what is no address. */
export function shortened(address: string): string | null {
  const { isIP } = nodeNet()
  const [plain = ''] = address.split('%')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain
  if (isIP(mapped) === 4) return `${mapped.split('.').slice(0, 3).join('.')}.0`
  if (isIP(mapped) !== 6) return null
  return network48(mapped)
}

function network48(address: string): string {
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  // A dotted end stands for two groups.
  const given = [...before, ...after].reduce((sum, group) => sum + (group.includes('.') ? 2 : 1), 0)
  const gap = tail === undefined ? [] : new Array<string>(8 - given).fill('0')
  const groups = [...before, ...gap, ...after]
    .slice(0, 3)
    .map((group) => (group.includes('.') ? '0' : Number.parseInt(group, 16).toString(16)))
  while (groups.at(-1) === '0') groups.pop()
  return `${groups.join(':')}::`
}
