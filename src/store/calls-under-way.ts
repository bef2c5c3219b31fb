import type { SessionKey } from '../record/id.ts'

/** One running call for one record. */
export interface Call {
  readonly key: SessionKey
  readonly isWrite: boolean
  /** When the call was sent, in milliseconds since the epoch. */
  readonly since: number
  /** Whether the answer may be cached: no call that may be newer has overlapped. */
  isCurrent: boolean
}

/**
 * Decides which answers may be cached. A read may return an older record if it started before a write of this process
 * ended. The same holds if a later read was answered first. Of two overlapping writes it is unknown which was the last.
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

  /** Called when the call was answered or has failed. */
  end(call: Call, isAnswered: boolean): void {
    const calls = this.#calls.get(call.key)
    if (calls === undefined) return
    let isOlder = true
    for (const other of calls) {
      if (other === call) isOlder = false
      // The calls are in the order of their start. Earlier reads may not have seen the record that this read has found.
      else if (call.isWrite || (isAnswered && isOlder)) other.isCurrent = false
    }
    calls.delete(call)
    if (calls.size === 0) this.#calls.delete(call.key)
  }
}
