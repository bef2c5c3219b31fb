import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'

/**
 * The fields of a message, in the format of Google's client: int64 as text, enums by name, bytes as `Buffer`, and
 * absent fields left out. Generated code converts them to bytes and back with the reader and the writer of this module,
 * which use the wire format of @bufbuild/protobuf.
 */
export type Message = Record<string, unknown>

/** Writes the fields of one message. */
type Write = (writer: Writer, message: Message) => void

/** Reads the fields of one message up to the position `end`. */
type Read = (reader: Reader, end: number) => Message

/** Writes a whole message. */
export type Encode = (message: object) => Buffer

/** Reads a whole message. */
export type Decode = (bytes: Buffer) => Message

export function encoder(write: Write): Encode {
  return (message) => {
    const writer = new Writer()
    write(writer, message as Message)
    return writer.finish()
  }
}

export function decoder(read: Read): Decode {
  return (bytes) => read(new Reader(bytes), bytes.length)
}

/** The largest buffer that is kept for the next message, in bytes. */
const ROOM = 64 * 1024

/**
 * One writer for all messages: writing is synchronous, and reusing the allocated buffer is faster than a new writer.
 */
let shared = new BinaryWriter()
let isFree = true

/** Writes messages, one at a time. A field that is `undefined` or `null` is left out. */
export class Writer {
  readonly #out: BinaryWriter

  constructor() {
    // A writer that was never finished has failed in the middle of a message.
    if (!isFree) shared = new BinaryWriter()
    isFree = false
    this.#out = shared
  }

  /** Returns the written bytes. */
  finish(): Buffer {
    const { buffer, byteOffset, length } = this.#out.finish()
    isFree = length < ROOM
    return Buffer.from(buffer, byteOffset, length)
  }

  string(tag: number, value: unknown): void {
    if (isThere(value)) this.#out.uint32(tag).string(String(value))
  }

  /** Writes bytes, given as bytes or as base64. */
  bytes(tag: number, value: unknown): void {
    if (!isThere(value)) return
    const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value), 'base64')
    this.#out.uint32(tag).bytes(bytes)
  }

  bool(tag: number, value: unknown): void {
    if (isThere(value)) this.#out.uint32(tag).bool(value === true)
  }

  double(tag: number, value: unknown): void {
    if (isThere(value)) this.#out.uint32(tag).double(Number(value))
  }

  int32(tag: number, value: unknown): void {
    if (isThere(value)) this.#out.uint32(tag).int32(Number(value))
  }

  /** Writes an int64, given as a number, a bigint, a text of digits, or an object that converts to one. */
  int64(tag: number, value: unknown): void {
    if (isThere(value)) this.#out.uint32(tag).int64(BigInt(String(value)))
  }

  /** Writes a value of an enum, given as a name or a number. */
  enum(tag: number, value: unknown, numbers: Readonly<Record<string, number>>): void {
    if (!isThere(value)) return
    const number = typeof value === 'number' ? value : numbers[String(value)]
    if (number === undefined) throw new TypeError(`${String(value)} is not a value of its enum`)
    this.#out.uint32(tag).int32(number)
  }

  message(tag: number, value: unknown, write: Write): void {
    if (!isThere(value)) return
    this.#out.uint32(tag).fork()
    write(this, value as Message)
    this.#out.join()
  }

  messages(tag: number, values: unknown, write: Write): void {
    if (!Array.isArray(values)) return
    for (const value of values) this.message(tag, value, write)
  }

  /** Writes a map from texts to messages. Each entry is a message of two fields. */
  map(tag: number, values: unknown, write: Write): void {
    if (typeof values !== 'object' || values === null) return
    for (const key of Object.keys(values)) {
      this.#out.uint32(tag).fork()
      this.string(10, key)
      this.message(18, (values as Message)[key], write)
      this.#out.join()
    }
  }
}

/** Reads messages. Throws for malformed bytes. */
export class Reader {
  readonly #in: BinaryReader

  constructor(bytes: Buffer) {
    this.#in = new BinaryReader(bytes, textOf)
  }

  /** The position of the next field. */
  get at(): number {
    return this.#in.pos
  }

  /** Reads the tag of the next field. */
  tag(): number {
    return this.#in.uint32()
  }

  string(): string {
    return this.#in.string()
  }

  /** Reads bytes as a copy, so that the whole message is not kept in memory. */
  bytes(): Buffer {
    return Buffer.from(this.#in.bytes())
  }

  bool(): boolean {
    return this.#in.bool()
  }

  double(): number {
    return this.#in.double()
  }

  int32(): number {
    return this.#in.int32()
  }

  int64(): string {
    return String(this.#in.int64())
  }

  /** Reads the name of a value, or its number if this release has no name for it. */
  enum(names: Readonly<Record<number, string>>): string | number {
    const number = this.#in.int32()
    return names[number] ?? number
  }

  message(read: Read): Message {
    const end = this.#end()
    const message = read(this, end)
    if (this.at !== end) throw new RangeError('a message ends within a field')
    return message
  }

  /** Reads one entry of a map from texts to messages. */
  entry(map: Message, read: Read): void {
    const end = this.#end()
    let key = ''
    let value: Message = {}
    while (this.at < end) {
      const tag = this.tag()
      if (tag === 10) key = this.string()
      else if (tag === 18) value = this.message(read)
      else this.skip(tag)
    }
    if (this.at !== end) throw new RangeError('a message ends within a field')
    if (key !== '__proto__') map[key] = value
  }

  /** Skips a field that this release does not know. */
  skip(tag: number): void {
    this.#in.skip(tag & 7, tag >>> 3)
  }

  #end(): number {
    const length = this.#in.uint32()
    const end = this.at + length
    if (end > this.#in.len) throw new RangeError('a message ends too early')
    return end
  }
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** Decodes text faster than `TextDecoder`. The input is a part of a `Buffer`, and therefore a `Buffer` too. */
function textOf(bytes: Uint8Array): string {
  return (bytes as Buffer).toString('utf8')
}
