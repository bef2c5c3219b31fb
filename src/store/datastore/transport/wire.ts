/**
 * What generated code reads and writes messages of protocol buffers with ("Encoding", protobuf.dev): fields in, bytes out, and
 * the other way round. Fields are what Google's client gives and takes: int64 as text, enums by name, bytes as `Buffer`.
 */
export type Message = Record<string, unknown>

/** Writes the fields of one message. */
export type Write = (writer: Writer, message: Message) => void

/** Reads the fields of one message, which ends there. */
export type Read = (reader: Reader, end: number) => Message

/** Room for a message that is being written. Nothing else runs meanwhile, so that one is enough. */
const ROOM = Buffer.allocUnsafeSlow(16 * 1024)

/** Writes messages, one at a time. A field that is `undefined` or `null` is left out. */
export class Writer {
  #bytes = ROOM
  #at = 0

  /** What was written. */
  finish(): Buffer {
    const written = this.#bytes.subarray(0, this.#at)
    return this.#bytes === ROOM ? Buffer.from(written) : written
  }

  string(tag: number, value: unknown): void {
    if (value === undefined || value === null) return
    const text = String(value)
    // Three bytes are the most that a unit of UTF-16 takes.
    if (text.length < 43) this.#reserve(text.length * 3 + 10)
    const length = Buffer.byteLength(text)
    this.#reserve(length + 10)
    this.#varint(tag)
    this.#varint(length)
    this.#bytes.write(text, this.#at, length, 'utf8')
    this.#at += length
  }

  /** Bytes, or base64 of them. */
  bytes(tag: number, value: unknown): void {
    if (value === undefined || value === null) return
    const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value), 'base64')
    this.#reserve(bytes.length + 10)
    this.#varint(tag)
    this.#varint(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  bool(tag: number, value: unknown): void {
    if (value === undefined || value === null) return
    this.#reserve(10)
    this.#varint(tag)
    this.#varint(value === true ? 1 : 0)
  }

  double(tag: number, value: unknown): void {
    if (value === undefined || value === null) return
    this.#reserve(18)
    this.#varint(tag)
    this.#at = this.#bytes.writeDoubleLE(Number(value), this.#at)
  }

  int32(tag: number, value: unknown): void {
    this.int64(tag, value)
  }

  /** A number, a bigint, a text of digits, or what gives one. */
  int64(tag: number, value: unknown): void {
    if (value === undefined || value === null) return
    this.#reserve(20)
    this.#varint(tag)
    const number = Number(value)
    if (Number.isSafeInteger(number) && number >= 0) {
      this.#varint(number)
      return
    }
    let rest = BigInt.asUintN(64, BigInt(String(value)))
    while (rest > 0x7fn) {
      this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.#at++] = Number(rest)
  }

  /** A name of the enum, or a number. */
  enum(tag: number, value: unknown, numbers: Readonly<Record<string, number>>): void {
    if (value === undefined || value === null) return
    const number = typeof value === 'number' ? value : numbers[String(value)]
    if (number === undefined) throw new TypeError(`${String(value)} is no value of its enum`)
    this.int64(tag, number)
  }

  message(tag: number, value: unknown, write: Write): void {
    if (value === undefined || value === null) return
    this.#reserve(10)
    this.#varint(tag)
    const begin = this.#begin()
    write(this, value as Message)
    this.#end(begin)
  }

  messages(tag: number, values: unknown, write: Write): void {
    if (!Array.isArray(values)) return
    for (const value of values) this.message(tag, value, write)
  }

  /** A map from texts to messages, whose entries are messages of two fields. */
  map(tag: number, values: unknown, write: Write): void {
    if (typeof values !== 'object' || values === null) return
    for (const key of Object.keys(values)) {
      this.#reserve(10)
      this.#varint(tag)
      const begin = this.#begin()
      this.string(10, key)
      this.message(18, (values as Message)[key], write)
      this.#end(begin)
    }
  }

  strings(tag: number, values: unknown): void {
    if (!Array.isArray(values)) return
    for (const value of values) this.string(tag, value)
  }

  /** Leaves one byte for the length of what follows, which is enough for most of it. */
  #begin(): number {
    return this.#at++
  }

  #end(begin: number): void {
    const length = this.#at - begin - 1
    if (length > 0x7f) {
      const more = bytesOfVarint(length) - 1
      this.#reserve(more)
      this.#bytes.copyWithin(begin + 1 + more, begin + 1, this.#at)
    }
    this.#at = begin
    this.#varint(length)
    this.#at += length
  }

  /** A whole number from 0 on, for which there is room. */
  #varint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#at++] = rest
  }

  #reserve(more: number): void {
    const wanted = this.#at + more
    if (wanted <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(wanted + 256, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

/** Reads messages. Throws `RangeError` for bytes that are none. */
export class Reader {
  readonly #bytes: Buffer
  /** Where the next field begins. */
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The tag of the next field, and every other number below 2^53. */
  varint(): number {
    let value = 0
    let place = 1
    for (let count = 0; count < 8; count++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * place
      if (byte < 0x80) return value
      place *= 0x80
    }
    throw new RangeError('a number of a message is too long')
  }

  string(): string {
    const end = this.#end()
    const text = this.#bytes.toString('utf8', this.at, end)
    this.at = end
    return text
  }

  /** A copy, which does not keep the whole message. */
  bytes(): Buffer {
    const end = this.#end()
    const bytes = Buffer.from(this.#bytes.subarray(this.at, end))
    this.at = end
    return bytes
  }

  bool(): boolean {
    return this.int64() !== '0'
  }

  double(): number {
    const value = this.#bytes.readDoubleLE(this.at)
    this.at += 8
    return value
  }

  int32(): number {
    return Number(BigInt.asIntN(32, BigInt(this.int64())))
  }

  int64(): string {
    let value = 0
    let place = 1
    const begin = this.at
    // Seven bytes of seven bits are a number that is exact.
    for (let count = 0; count < 7; count++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * place
      if (byte < 0x80) return String(value)
      place *= 0x80
    }
    this.at = begin
    let whole = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      whole |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return String(BigInt.asIntN(64, whole))
    }
    throw new RangeError('a number of a message is too long')
  }

  /** The name of the value, or its number where this release has none for it. */
  enum(names: Readonly<Record<number, string>>): string | number {
    const number = this.int32()
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
      const tag = this.varint()
      if (tag === 10) key = this.string()
      else if (tag === 18) value = this.message(read)
      else this.skip(tag)
    }
    if (key !== '__proto__') map[key] = value
  }

  /** Passes over a field that this release does not know. */
  skip(tag: number): void {
    switch (tag % 8) {
      case 0:
        this.int64()
        break
      case 1:
        this.at += 8
        break
      case 2:
        this.at = this.#end()
        break
      case 5:
        this.at += 4
        break
      default:
        throw new RangeError('a message has a field of an unknown form')
    }
  }

  #end(): number {
    const length = this.varint()
    const end = this.at + length
    if (end > this.#bytes.length) throw new RangeError('a message ends too early')
    return end
  }

  #byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw new RangeError('a message ends too early')
    return byte
  }
}

function bytesOfVarint(value: number): number {
  let count = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) count += 1
  return count
}
