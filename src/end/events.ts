import { hash } from 'node:crypto'
import type { DefaultData } from '../base/types.ts'
import type { SessionKey } from '../record/id.ts'
import { holdsType, type ValueCodec } from '../record/codec.ts'
import { Payload } from '../record/payload.ts'
import { RecordData } from '../record/root-data.ts'
import type { EndReason, SessionRecord } from '../record/record.ts'

/** What an `onDelete` observer gets to know of a session that ended. Holds no secret. */
export interface SessionDeleteEvent<Data extends object = DefaultData> {
  /** The same at every delivery of the same end, so that an observer can tell a repetition. */
  readonly id: string
  /** Why it ended. */
  readonly reason: EndReason
  /** The key of the session: no secret, and not the value of its cookie. */
  readonly key: SessionKey
  /** Whose session it was; `__guest__` where nobody was logged in. */
  readonly user: string
  /** When it began. */
  readonly created: Date
  /** When it was last used, as noted down: up to `touchEvery` behind. */
  readonly lastSeen: Date
  /** When it ended; for an expired session, when its time ran out. */
  readonly ended: Date
  /** The data of the root, decoded when it is first read; empty when it cannot be read any more. */
  readonly data: Data
  /** The data of one scope; empty where it holds nothing, or when it cannot be read any more. */
  scope(name: string): Record<string, unknown>
}

/** The event of a session that is marked as ended, or whose time has run out. */
export function eventOf<Data extends object>(
  record: SessionRecord,
  codec: ValueCodec,
): SessionDeleteEvent<Data> {
  return new DeleteEvent<Data>(record, codec)
}

/**
 * Derived from the key: a session ends once, so its key names its end. Where the id came from outside several sessions
 * live under one key, one after the other, so there it takes the life as well.
 */
export function eventId({ key, life }: Pick<SessionRecord, 'key' | 'life'>): string {
  const which = life === undefined ? key : `${key} ${life}`
  return hash('sha256', `viur-session end ${which}`, 'base64url')
}

class DeleteEvent<Data extends object> implements SessionDeleteEvent<Data> {
  readonly id: string
  readonly reason: EndReason
  readonly key: SessionKey
  readonly user: string
  readonly created: Date
  readonly lastSeen: Date
  readonly ended: Date
  readonly #record: SessionRecord
  readonly #codec: ValueCodec
  #data: RecordData | null = null

  constructor(record: SessionRecord, codec: ValueCodec) {
    this.#record = record
    this.#codec = codec
    this.id = eventId(record)
    this.reason = record.ended === null ? 'expired' : (record.reason ?? 'expired')
    this.key = record.key
    this.user = record.user
    this.created = new Date(record.created)
    this.lastSeen = new Date(record.lastSeen)
    this.ended = new Date(record.ended ?? record.expires)
  }

  get data(): Data {
    return this.#decoded.root as Data
  }

  scope(name: string): Record<string, unknown> {
    return this.#decoded.scope(name)
  }

  get #decoded(): RecordData {
    this.#data ??= new RecordData(readablePayload(this.#record), this.#codec)
    return this.#data
  }
}

/** What has ended is seen even when its payload is damaged: who and when can still be told. */
export function readablePayload({ data, key }: Pick<SessionRecord, 'data' | 'key'>): Payload {
  try {
    return Payload.decode(data, key)
  } catch {
    return Payload.empty
  }
}

/**
 * Whether this process can tell of the session all that was stored. If not, one that can has to: a later release wrote it,
 * it is sealed by a key that this process lacks, or holds a type that it cannot read. What is damaged holds nothing.
 */
export function canTell({ data, key }: SessionRecord, codec: ValueCodec): boolean {
  if (Payload.isForOthers(data)) return false
  if (!holdsType(data)) return true
  for (const text of readablePayload({ data, key }).entries().values()) {
    if (!codec.canDecode(text)) return false
  }
  return true
}
