import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'

/**
 * What generated code reads and writes messages with, by the wire format of @bufbuild/protobuf: fields in, bytes out, and the
 * other way round. Fields are what Google's client gives and takes: int64 as text, enums by name, bytes as `Buffer`, and
 * nothing for what is not there.
 */
export type Message = Record<string, unknown>

/** Writes the fields of one message. */
export type Write = (writer: Writer, message: Message) => void

/** Reads the fields of one message, which ends there. */
export type Read = (reader: Reader, end: number) => Message

/** How much room is kept for the next message, in bytes. */
const ROOM = 64 * 1024

/** Nothing else runs while a message is written, so that one is enough; with its room made, it is quicker than a new one. */
let shared = new BinaryWriter()
let isFree = true

/** Writes messages, one at a time. A field that is `undefined` or `null` is left out. */
export class Writer {
  readonly #out: BinaryWriter

  constructor() {
    // One that was not finished has failed half way.
    if (!isFree) shared = new BinaryWriter()
    isFree = false
    this.#out = shared
  }

  /** What was written. */
  finish(): Buffer {
    const { buffer, byteOffset, length } = this.#out.finish()
    isFree = length < ROOM
    return Buffer.from(buffer, byteOffset, length)
  }

  string(tag: number, value: unknown): void {
    if (isThere(value)) this.#out.uint32(tag).string(String(value))
  }

  /** Bytes, or base64 of them. */
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

  /** A number, a bigint, a text of digits, or what gives one. */
  int64(tag: number, value: unknown): void {
    if (isThere(value)) this.#out.uint32(tag).int64(BigInt(String(value)))
  }

  /** A name of the enum, or a number. */
  enum(tag: number, value: unknown, numbers: Readonly<Record<string, number>>): void {
    if (!isThere(value)) return
    const number = typeof value === 'number' ? value : numbers[String(value)]
    if (number === undefined) throw new TypeError(`${String(value)} is no value of its enum`)
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

  /** A map from texts to messages, whose entries are messages of two fields. */
  map(tag: number, values: unknown, write: Write): void {
    if (typeof values !== 'object' || values === null) return
    for (const key of Object.keys(values)) {
      this.#out.uint32(tag).fork()
      this.string(10, key)
      this.message(18, (values as Message)[key], write)
      this.#out.join()
    }
  }

  strings(tag: number, values: unknown): void {
    if (!Array.isArray(values)) return
    for (const value of values) this.string(tag, value)
  }
}

/** Reads messages. Throws for bytes that are none. */
export class Reader {
  readonly #in: BinaryReader

  constructor(bytes: Buffer) {
    this.#in = new BinaryReader(bytes, textOf)
  }

  /** Where the next field begins. */
  get at(): number {
    return this.#in.pos
  }

  /** The tag of the next field. */
  tag(): number {
    return this.#in.uint32()
  }

  string(): string {
    return this.#in.string()
  }

  /** A copy, which does not keep the whole message. */
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

  /** The name of the value, or its number where this release has none for it. */
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

  /** One entry of a map from texts to messages. */
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

  /** Passes over a field that this release does not know. */
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

/** Sooner than by a `TextDecoder`. What is read from is a `Buffer`, and so are its parts. */
function textOf(bytes: Uint8Array): string {
  return (bytes as Buffer).toString('utf8')
}
