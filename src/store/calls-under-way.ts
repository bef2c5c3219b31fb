import type { SessionKey } from '../record/id.ts'

/** One call about one record, from when it is sent until it is answered. */
export interface Call {
  readonly key: SessionKey
  readonly isWrite: boolean
  /** When it was sent, in milliseconds since the epoch. */
  readonly since: number
  /** Whether its answer may be kept: nothing that is newer, or may be, has come between. */
  isCurrent: boolean
}

/**
 * Tells of which calls the answers may be kept. A read that began before a write of this process ended, or before another
 * read that was answered first, may bring an older record than that; and of two writes at a time nobody knows which was the last.
 */
export class CallsUnderWay {
  readonly #calls = new Map<SessionKey, Set<Call>>()

  begin(key: SessionKey, isWrite: boolean, since: number): Call {
    const others = this.#calls.get(key)
    const call: Call = { key, isWrite, since, isCurrent: true }
    if (others === undefined) {
      this.#calls.set(key, new Set([call]))
      return call
    }
    for (const other of others) {
      if (other.isWrite) call.isCurrent = false
      if (isWrite) other.isCurrent = false
    }
    others.add(call)
    return call
  }

  /** To be called when it was answered, or has failed. */
  end(call: Call, isAnswered: boolean): void {
    const calls = this.#calls.get(call.key)
    if (calls === undefined) return
    let isOlder = true
    for (const other of calls) {
      if (other === call) isOlder = false
      // In the order in which they began: what a read has found, those before it may not have seen.
      else if (call.isWrite || (isAnswered && isOlder)) other.isCurrent = false
    }
    calls.delete(call)
    if (calls.size === 0) this.#calls.delete(call.key)
  }
}
