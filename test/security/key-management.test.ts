import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Harness } from '../request/harness.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const NAME = 'projects/p/locations/l/keyRings/r/cryptoKeys/sessions'
const TOKEN = 'a-token-of-the-fake-metadata-server'

/** The key that never leaves Cloud KMS. */
const master = randomBytes(32)

function wrap(plain: Uint8Array): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', master, nonce)
  const sealed = [cipher.update(plain), cipher.final()]
  return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString('base64')
}

function unwrap(ciphertext: string): string | null {
  const bytes = Buffer.from(ciphertext, 'base64')
  try {
    const decipher = createDecipheriv('aes-256-gcm', master, bytes.subarray(0, 12))
    decipher.setAuthTag(bytes.subarray(-16))
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString(
      'base64',
    )
  } catch {
    return null
  }
}

/** Fakes of the services that the documented code calls: the metadata server for a token, and Cloud KMS. */
function fakeGoogle(): Server {
  return createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const answer = (status: number, body: unknown): void => {
        res.writeHead(status, { 'Content-Type': 'application/json', 'Metadata-Flavor': 'Google' })
        res.end(JSON.stringify(body))
      }
      if (req.url?.startsWith('/computeMetadata/v1/instance/service-accounts/default/token')) {
        return answer(200, { access_token: TOKEN, expires_in: 3600, token_type: 'Bearer' })
      }
      if (req.url?.startsWith('/computeMetadata/')) return answer(200, 'p')
      if (req.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { error: {} })
      if (req.url !== `/v1/${NAME}:decrypt`) return answer(404, { error: {} })
      const { ciphertext } = JSON.parse(Buffer.concat(chunks).toString()) as { ciphertext: string }
      const plaintext = unwrap(ciphertext)
      return plaintext === null ? answer(400, { error: {} }) : answer(200, { plaintext })
    })
  })
}

/** The code of the docs, with the address of the fake instead of Google's. */
function documented(address: string): string {
  const page = readFileSync(join(root, 'docs/encryption.md'), 'utf8')
  const [, code] = /```js\n(\/\/ keys\.js\n[\s\S]*?)\n```/.exec(page) ?? []
  if (code === undefined) throw new Error('docs/encryption.md shows no keys.js')
  expect(code).toContain('https://cloudkms.googleapis.com')
  return code.replace('https://cloudkms.googleapis.com', address)
}

describe('a key that Cloud KMS wraps, by the code in the docs', () => {
  const server = fakeGoogle()
  let folder = ''
  let unwrapped: (name: string, ciphertext: string) => Promise<Buffer>

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    folder = mkdtempSync(join(root, 'test', 'tmp-kms-'))
    const file = join(folder, 'keys.mjs')
    writeFileSync(file, documented(`http://127.0.0.1:${port}`))
    const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as {
      unwrapped: typeof unwrapped
    }
    unwrapped = module.unwrapped
  })

  beforeEach(() => {
    const { port } = server.address() as AddressInfo
    vi.stubEnv('GCE_METADATA_HOST', `127.0.0.1:${port}`)
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present')
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined)
    vi.stubEnv('HOME', folder)
  })

  afterEach(() => {
    vi.unstubAllEnvs()
  })

  afterAll(async () => {
    rmSync(folder, { recursive: true })
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('opens sealed data, in another process too', async () => {
    const wrapped = wrap(randomBytes(32))
    const one = new Harness<Record<string, unknown>>({
      encryption: { keys: [{ id: '2026-11', key: await unwrapped(NAME, wrapped) }] },
    })
    const cookie = await one.given({ a: 'hunter2' })
    expect((await one.stored(cookie))?.data).toMatch(/^2 sealed 2026-11 /)
    const keys = [{ id: '2026-11', key: await unwrapped(NAME, wrapped) }]
    const other = new Harness<Record<string, unknown>>(
      { encryption: { keys }, store: one.store },
      one.clock,
    )
    expect(await other.data(cookie)).toEqual({ a: 'hunter2' })
  })

  it('is an error at the start if KMS does not know it', async () => {
    await expect(unwrapped(NAME, 'AAAA')).rejects.toThrow()
    await expect(unwrapped('projects/other', wrap(randomBytes(32)))).rejects.toThrow()
  })
})
