import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished, vi } from 'vitest'

const KEY = String(
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }),
)
const ACCOUNT = JSON.stringify({
  type: 'service_account',
  project_id: 'shop',
  private_key: KEY,
  client_email: 'app@shop.iam.gserviceaccount.com',
})
const [, KEY_BODY = ''] = KEY.split('\n')
const TOKEN = 'Qw7-a0AfH6SMBsecretTokenOfTheFile'

/** Broken files of credentials: a description of the fault, the content, and the secret in it. */
export const BROKEN_FILES: readonly (readonly [string, string, string])[] = [
  [
    'a key whose quotation mark is missing',
    ACCOUNT.replace('"-----BEGIN PRIVATE KEY-----\\n', ''),
    KEY_BODY,
  ],
  ['a key with line breaks', ACCOUNT.replaceAll('\\n', '\n'), KEY_BODY],
  ['the first half of a key file', ACCOUNT.slice(0, ACCOUNT.length / 2), KEY_BODY],
  ['a key alone', KEY, KEY_BODY],
  ['the text of a key without its marks', KEY_BODY, KEY_BODY],
  ['a token alone', TOKEN, TOKEN],
  ['a token in quotation marks, and more', `"${TOKEN}" "more"`, TOKEN],
]

/** Broken sources of tokens: files and programs that should return a token. */
export const BROKEN_SOURCES: readonly (readonly [string, (path: string) => object])[] = [
  ['a file that is no JSON', (file) => ({ file, format: FORMAT })],
  ['a program that prints no JSON', (path) => ({ executable: { command: `/bin/cat ${path}` } })],
  [
    'a program that fails, and prints a secret',
    (path) => ({ executable: { command: `/bin/cat ${path} /nowhere/at-all` } }),
  ],
]

const FORMAT = { type: 'json', subject_token_field_name: 'token' }

export { TOKEN as BROKEN_TOKEN }

/** Writes a file with this text and sets it as the only credentials in the environment. */
export function credentialsIn(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'viur-credentials-'))
  const path = join(folder, 'account.json')
  writeFileSync(path, text)
  for (const name of ['DATASTORE_EMULATOR_HOST', 'CLOUD_TASKS_EMULATOR_HOST']) {
    vi.stubEnv(name, undefined)
  }
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', path)
  vi.stubEnv('GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES', '1')
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none')
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })
  return path
}

/** Returns credentials of another provider than Google, which take their token from `source`. */
export function externalAccount(source: object): string {
  return JSON.stringify({
    type: 'external_account',
    audience:
      '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: 'http://127.0.0.1:1/v1/token',
    credential_source: source,
  })
}

/** Checks that the error and its causes contain no six characters of the secret, in any format of a logger. */
export function expectNothingOf(secret: string, error: unknown): void {
  const all = [inspect(error, { depth: 12, showHidden: true, maxStringLength: null })]
  for (let at = error; at instanceof Error; at = at.cause) all.push(at.message, String(at.stack))
  const text = all.join('\n')
  for (let begin = 0; begin + 6 <= secret.length; begin++) {
    expect(text).not.toContain(secret.slice(begin, begin + 6))
  }
}
