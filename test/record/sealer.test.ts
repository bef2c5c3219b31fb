import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Payload, PayloadError } from '../../src/record/payload.ts'
import { type EncryptionKey, Sealer } from '../../src/record/sealer.ts'
import type { SessionKey } from '../../src/record/id.ts'

const KEY = randomBytes(32)
const TEXT = `1 ${'k'.repeat(43)} 0\n"secret"\t["hunter2 ☃"]\n`
const ABOUT = 'a session'

function sealer(...keys: (EncryptionKey | [id: string, key: Uint8Array | string])[]): Sealer {
  const given = keys.map((one) => (Array.isArray(one) ? { id: one[0], key: one[1] } : one))
  return new Sealer({ keys: given }, (size) => randomBytes(size))
}

function problemOf(text: string): PayloadError {
  try {
    Payload.decode(text, 'k'.repeat(43) as SessionKey)
  } catch (error) {
    if (error instanceof PayloadError) return error
    throw error
  }
  return expect.fail('it was read')
}

describe('a sealer', () => {
  it('opens what it has sealed, and the sealed text does not show the content', () => {
    const one = sealer(['a', KEY])
    for (const text of ['', 'x', TEXT, TEXT.repeat(5000)]) {
      const sealed = one.seal(text, ABOUT)
      expect(sealed).toMatch(/^2 sealed a [\w-]{8} [0-9a-f]{1,8} [\w-]+$/)
      expect(sealed).not.toMatch(/hunter2|secret/)
      expect(one.open(sealed, ABOUT)).toEqual({ text, isOutdated: false })
      expect(sealed.length).toBeLessThan(70 + (Buffer.byteLength(text) + 32) * (4 / 3))
    }
  })

  it('seals the same text differently each time, with a new salt', () => {
    const one = sealer(['a', KEY])
    const all = Array.from({ length: 50 }, () => one.seal(TEXT, ABOUT))
    const starts = all.map((text) => text.split(' ').at(-1)?.slice(0, 40))
    expect(new Set(starts).size).toBe(50)
  })

  it('accepts a key as bytes or as base64url, and copies it', () => {
    const bytes = Buffer.from(KEY)
    const one = sealer(['a', bytes])
    const sealed = one.seal(TEXT, ABOUT)
    bytes.fill(0)
    for (const key of [KEY, new Uint8Array(KEY), KEY.toString('base64url')]) {
      expect(sealer(['a', key]).open(sealed, ABOUT).text).toBe(TEXT)
    }
    expect(one.open(sealed, ABOUT).text).toBe(TEXT)
  })

  it('opens texts of all its keys, and marks those that the newest key did not seal', () => {
    const [a, b] = [
      ['a', KEY],
      ['b', randomBytes(32)],
    ] as const
    const byA = sealer([...a]).seal(TEXT, ABOUT)
    const both = sealer([...b], [...a])
    expect(both.open(byA, ABOUT)).toEqual({ text: TEXT, isOutdated: true })
    expect(both.seal(TEXT, ABOUT)).toContain('2 sealed b ')
    expect(both.open(TEXT, ABOUT)).toEqual({ text: TEXT, isOutdated: true })
    const reads = new Sealer({ keys: [{ id: 'a', key: KEY }], seal: false }, randomBytes)
    expect(reads.open(byA, ABOUT)).toEqual({ text: TEXT, isOutdated: true })
    expect(reads.open(TEXT, ABOUT)).toEqual({ text: TEXT, isOutdated: false })
    expect(reads.seal(TEXT, ABOUT)).toBe(TEXT)
  })

  it('leaves a text of an unknown key unchanged, whether the id or only the key differs', () => {
    const sealed = sealer(['a', KEY]).seal(TEXT, ABOUT)
    for (const other of [sealer(['b', KEY]), sealer(['a', randomBytes(32)])]) {
      expect(other.open(sealed, ABOUT)).toEqual({ text: sealed, isOutdated: false })
      expect(other.seal(sealed, ABOUT)).toBe(sealed)
    }
    expect(Payload.isForOthers(sealed)).toBe(true)
    expect(problemOf(sealed)).toMatchObject({
      forOthers: true,
      message: expect.stringMatching(/the key "a"/),
    })
  })

  it('does not open the text of another owner, and stores it unchanged', () => {
    const one = sealer(['a', KEY])
    const sealed = one.seal(TEXT, ABOUT)
    const { text, isOutdated } = one.open(sealed, 'another session')
    expect(isOutdated).toBe(false)
    expect(Payload.isForOthers(text)).toBe(false)
    expect(problemOf(text)).toMatchObject({
      forOthers: false,
      message: expect.stringMatching(/cannot be opened/),
    })
    expect(one.seal(text, 'another session')).toBe(sealed)
  })

  it('never opens a text with a changed bit or a cut end, and reports damage', () => {
    const one = sealer(['a', KEY])
    const sealed = one.seal(TEXT, ABOUT)
    const bytes = Buffer.from(sealed, 'latin1')
    const changed: string[] = []
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes)
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
      changed.push(copy.toString('latin1'))
    }
    for (let length = 0; length < sealed.length; length++) changed.push(sealed.slice(0, length))
    changed.push(`${sealed}A`, `${sealed} `, `${sealed}\n`, `${sealed}==`, sealed + sealed)
    for (const text of changed) {
      const opened = one.open(text, ABOUT).text
      expect(opened).not.toBe(TEXT)
      const problem = problemOf(opened)
      // Another version in the first characters may come from a later release.
      if (/^[2-9]/.test(text) && !text.startsWith('2 sealed ')) continue
      expect(problem.forOthers, text).toBe(false)
      expect(Payload.isForOthers(text)).toBe(false)
    }
  })

  it('never opens a changed text with a matching checksum', async () => {
    const { sealedParts, sealedText } = await import('../../src/record/sealed-text.ts')
    const one = sealer(['a', KEY], ['b', randomBytes(32)])
    const parts = sealedParts(one.seal(TEXT, ABOUT))
    const other = sealedParts(one.seal(TEXT.replace('2', '3'), ABOUT))
    if (parts === null || other === null) return expect.fail('not sealed')
    const bytes = Buffer.from(parts.body, 'base64url')
    const bodies: string[] = ['', 'A', other.body.slice(0, 40) + parts.body.slice(40)]
    for (let at = 0; at < bytes.length; at++) {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] as number) ^ 1
      bodies.push(copy.toString('base64url'), bytes.subarray(0, at).toString('base64url'))
    }
    for (const body of bodies) {
      const { text } = one.open(sealedText({ ...parts, body }), ABOUT)
      expect(problemOf(text).message).toMatch(/cannot be opened/)
    }
  })

  it.each([TEXT, `${TEXT}x`, `${TEXT}xx`])('opens only one form of a sealed text', async (text) => {
    const { sealedParts, sealedText } = await import('../../src/record/sealed-text.ts')
    const one = sealer(['a', KEY])
    const parts = sealedParts(one.seal(text, ABOUT))
    if (parts === null) return expect.fail('not sealed')
    // Depending on the length, the last character has none, two or four unused bits.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = parts.body.at(-1) as string
    for (const sign of [...alphabet.replace(last, ''), `${last}=`, `${last}==`, `${last}!`]) {
      const body = parts.body.slice(0, -1) + sign
      const { text: opened } = one.open(sealedText({ ...parts, body }), ABOUT)
      expect(problemOf(opened).message, body).toMatch(/cannot be opened/)
    }
  })

  it('refuses a text that UTF-8 cannot represent', () => {
    expect(() => sealer(['a', KEY]).seal('1 \ud800', ABOUT)).toThrow(/well-formed/)
  })

  it('shows no key when it is printed or inspected', () => {
    const one = sealer(['a', KEY])
    expect(inspect(one, { depth: 10, showHidden: true }) + JSON.stringify(one)).not.toMatch(
      new RegExp(`${KEY.toString('base64url')}|${KEY.toString('hex')}`),
    )
  })

  it.each<[string, unknown, RegExp]>([
    ['no options', 5, /encryption takes an object/],
    ['no keys', {}, /encryption\.keys must be a list/],
    ['an empty list', { keys: [] }, /a list of at least one key/],
    ['a key alone', { keys: KEY }, /must be a list/],
    ['bytes without an id', { keys: [KEY] }, /keys\[0\] must be an object/],
    ['no id', { keys: [{ key: KEY }] }, /keys\[0\]\.id must be/],
    ['an id with a space', { keys: [{ id: 'a b', key: KEY }] }, /\.id must be/],
    ['a long id', { keys: [{ id: 'a'.repeat(65), key: KEY }] }, /\.id must be/],
    [
      'two of one id',
      {
        keys: [
          { id: 'a', key: KEY },
          { id: 'a', key: randomBytes(32) },
        ],
      },
      /two keys with the id "a"/,
    ],
    ['31 bytes', { keys: [{ id: 'a', key: KEY.subarray(1) }] }, /must be 32 random bytes/],
    ['33 bytes', { keys: [{ id: 'a', key: randomBytes(33) }] }, /must be 32 random bytes/],
    [
      'a text of 31 bytes',
      { keys: [{ id: 'a', key: KEY.subarray(1).toString('base64url') }] },
      /must be 32/,
    ],
    ['hex', { keys: [{ id: 'a', key: KEY.toString('hex') }] }, /must be 32/],
    ['a password', { keys: [{ id: 'a', key: 'hunter2' }] }, /must be 32/],
    [
      'a text with other signs',
      { keys: [{ id: 'a', key: `${KEY.toString('base64url').slice(1)}+` }] },
      /must be 32/,
    ],
    ['a number', { keys: [{ id: 'a', key: 5 }] }, /must be 32/],
    ['an ArrayBuffer', { keys: [{ id: 'a', key: new ArrayBuffer(32) }] }, /must be 32/],
    ['zeros', { keys: [{ id: 'a', key: Buffer.alloc(32) }] }, /has to be random/],
    [
      'an option too many',
      { keys: [{ id: 'a', key: KEY }], algorithm: 'aes' },
      /no option "algorithm"/,
    ],
    ['a part too many', { keys: [{ id: 'a', secret: KEY }] }, /no option "secret"/],
    [
      'seal that is no boolean',
      { keys: [{ id: 'a', key: KEY }], seal: 'no' },
      /encryption\.seal must be/,
    ],
  ])('is refused for %s, and says nothing of a key', (_, options, message) => {
    let error: unknown
    try {
      new Sealer(options as never, randomBytes)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({
      code: 'ERR_SESSION_CONFIG',
      message: expect.stringMatching(message),
    })
    for (const form of ['hex', 'base64url', 'base64'] as const) {
      expect(inspect(error)).not.toContain(KEY.subarray(1, 28).toString(form))
    }
    expect(inspect(error)).not.toContain('hunter2')
  })

  it('seals in a fixed form that other programs can open by the documentation', async () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, at) => at))
    const one = new Sealer({ keys: [{ id: 'k1', key }] }, (size) => Buffer.alloc(size, 7))
    const sealed = one.seal('1 a b\n', 'x')
    expect(sealed).toBe(
      '2 sealed k1 VSewjOBC 7a045f49 BwcHBwcHBwcHBwcHBwcHB07WsNxMZZR6bvjy8C8Ck0n-E_NA2g0',
    )
    const bytes = Buffer.from(sealed.split(' ').at(-1) ?? '', 'base64url')
    const { subtle } = globalThis.crypto
    const secret = await subtle.importKey('raw', key, 'HKDF', false, ['deriveBits'])
    const bits = await subtle.deriveBits(
      {
        name: 'HKDF',
        hash: 'SHA-256',
        salt: bytes.subarray(0, 16),
        info: Buffer.from('viur-session: seal'),
      },
      secret,
      44 * 8,
    )
    const by = await subtle.importKey('raw', bits.slice(0, 32), 'AES-GCM', false, ['decrypt'])
    const plain = await subtle.decrypt(
      { name: 'AES-GCM', iv: bits.slice(32), additionalData: Buffer.from('x') },
      by,
      bytes.subarray(16),
    )
    expect(Buffer.from(plain).toString()).toBe('1 a b\n')
  })
})
