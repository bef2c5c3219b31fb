import { hash } from 'node:crypto'
import type { DefaultData } from '../base/types.ts'
import type { SessionKey } from '../record/id.ts'
import { holdsType, type ValueCodec } from '../record/codec.ts'
import { Payload } from '../record/payload.ts'
import { RecordData } from '../record/root-data.ts'
import type { EndReason, SessionRecord } from '../record/record.ts'

/** The event of a session that has ended, for `onDelete` observers. Holds no secret. */
export interface SessionDeleteEvent<Data extends object = DefaultData> {
  /** The same at every delivery of the same end, so that an observer can recognise a repetition. */
  readonly id: string
  /** Why the session ended. */
  readonly reason: EndReason
  /** The key of the session: no secret, and not the value of its cookie. */
  readonly key: SessionKey
  /** The user of the session; `__guest__` where nobody was logged in. */
  readonly user: string
  /** When the session began. */
  readonly created: Date
  /** When the session was last used, as far as that was stored: up to `touchEvery` behind. */
  readonly lastSeen: Date
  /** When the session ended; for an expired session, when its time ran out. */
  readonly ended: Date
  /** The data of the root, decoded at its first read; empty when it can no longer be read. */
  readonly data: Data
  /** Returns the data of one scope; empty where the scope holds nothing, or when it can no longer be read. */
  scope(name: string): Record<string, unknown>
}

/** Makes the event of a session that is marked as ended, or whose time has run out. */
export function eventOf<Data extends object>(
  record: SessionRecord,
  codec: ValueCodec,
): SessionDeleteEvent<Data> {
  return new DeleteEvent<Data>(record, codec)
}

/**
 * Derives the id of an event from the key: a session ends once, so its key identifies its end. Where ids come from
 * outside, several sessions may use one key one after the other. There the id includes the life too.
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

/**
 * Decodes the payload of a session that has ended. A damaged payload counts as empty: the user and the times can still
 * be reported.
 */
export function readablePayload({ data, key }: Pick<SessionRecord, 'data' | 'key'>): Payload {
  try {
    return Payload.decode(data, key)
  } catch {
    return Payload.empty
  }
}

/**
 * Whether this process can read everything that was stored for the session. If not, another process has to report its
 * end: a later release wrote the record, it is sealed by a key that this process lacks, or it holds a type that this
 * process cannot read. A damaged record holds no data.
 */
export function canTell({ data, key }: SessionRecord, codec: ValueCodec): boolean {
  if (Payload.isForOthers(data)) return false
  if (!holdsType(data)) return true
  for (const text of readablePayload({ data, key }).entries().values()) {
    if (!codec.canDecode(text)) return false
  }
  return true
}
