import type { ClientHints, SessionRecord } from './record.ts'
import type { SessionKey } from './id.ts'
import { nodeNet } from '../base/node-builtins.ts'

/** Public facts about a stored session, for lists of sessions. */
export interface SessionInfo {
  /** Names the session; not a secret. `entry()`, `outcomeOf()` and `killSession()` take it. */
  readonly key: SessionKey
  /** The user of the session; `__guest__` if no user is logged in. */
  readonly user: string
  /** When the session began. */
  readonly created: Date
  /** When the session was last used. The stored time may be up to `touchEvery` old. */
  readonly lastSeen: Date
  /** When the session ends unless it is used before. */
  readonly expires: Date
  /** The client that logged in, if the app asked `login()` to keep it. */
  readonly client?: ClientHints
}

/** Returns the public facts of a record. */
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

/** The longest part of a User-Agent header that is kept, in characters. */
const MAX_AGENT = 256

// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression finds control characters to replace them
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/**
 * Returns the facts about a client that a list of devices may store: a shortened agent without control characters, and
 * the network part of the address. `null` if nothing is left.
 */
export function clientHints(agent: unknown, address: unknown): ClientHints | null {
  const name = typeof agent === 'string' ? agent.replace(CONTROLS, ' ').trim() : ''
  const network = typeof address === 'string' ? shortened(address) : null
  if (name === '' && network === null) return null
  return {
    // The cut may split a surrogate pair, and Datastore refuses text with half of a pair.
    ...(name !== '' && { agent: name.slice(0, MAX_AGENT).toWellFormed() }),
    ...(network !== null && { address: network }),
  }
}

/** Returns the address with only the first 24 bits (IPv4) or 48 bits (IPv6), the rest zero; `null` for other text. */
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
  // A dotted IPv4 part at the end counts as two groups.
  const given = [...before, ...after].reduce((sum, group) => sum + (group.includes('.') ? 2 : 1), 0)
  const gap = tail === undefined ? [] : new Array<string>(8 - given).fill('0')
  const groups = [...before, ...gap, ...after]
    .slice(0, 3)
    .map((group) => (group.includes('.') ? '0' : Number.parseInt(group, 16).toString(16)))
  while (groups.at(-1) === '0') groups.pop()
  return `${groups.join(':')}::`
}
