import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Job } from '../../src/cli/job.ts'
import { exportAll } from '../../src/cli/export.ts'
import { importAll } from '../../src/cli/import.ts'
import { TransferError } from '../../src/cli/transfer-format.ts'
import { createSessions, memoryStore, type Sessions } from '../../src/index.ts'
import { sessionsDoorOf } from '../../src/sessions-door.ts'
import { KeptOutput } from './answers.ts'

/** The file with one more note, which its last line counts. */
function withNote(name: string, value: unknown) {
  const note = JSON.stringify({ is: 'note', name, value })
  return (text: string) =>
    text
      .replace('\n', `\n${note}\n`)
      .replace(/"notes":(\d+)/, (_, count) => `"notes":${Number(count) + 1}`)
}

function withField(field: string) {
  // Of two fields with the same name, JSON takes the last.
  return (text: string) => text.replace(/^(\{"is":"session",.*)\}\}$/m, `$1,${field}}}`)
}

describe('the command import of viur-session', () => {
  const folder = mkdtempSync(join(tmpdir(), 'viur-import-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  function jobOn(sessions: Sessions): Job {
    const door = sessionsDoorOf(sessions)
    if (door === null) throw new Error('the sessions have no door')
    return {
      app: { sessions, door },
      output: new KeptOutput(),
      signal: new AbortController().signal,
    }
  }

  const emptySessions = () => createSessions({ store: memoryStore() })

  /** The text of an exported file with one session. */
  let exported = ''
  beforeAll(async () => {
    const sessions = emptySessions()
    const session = await sessions.open({ secure: true }).load()
    await session.login('secret-name')
    session.set('n', 1)
    await sessions.commit(session)
    const path = join(folder, 'exported.ndjson')
    expect(await exportAll(jobOn(sessions), path)).toBe(0)
    exported = readFileSync(path, 'utf8')
  })

  async function imported(text: string) {
    const path = join(folder, 'imported.ndjson')
    writeFileSync(path, text)
    const sessions = emptySessions()
    const code = await importAll(jobOn(sessions), path, {}).catch((error: unknown) => error)
    return { code, count: await sessions.countSessions() }
  }

  it('takes the unchanged file', async () => {
    expect(await imported(exported)).toEqual({ code: 0, count: 1 })
  })

  it.each([
    ['a file that was cut off', (text: string) => text.slice(0, text.lastIndexOf('{'))],
    ['a file without its beginning', (text: string) => text.slice(text.indexOf('\n') + 1)],
    ['a file of which a line is missing', (text: string) => text.replace(/^.*"session".*\n/m, '')],
    ['no JSON', (text: string) => text.replace('"session"', 'session')],
    ['a session without a user', (text: string) => text.replace('"user":', '"person":')],
    [
      'a session of the far future',
      (text: string) => text.replace(/"expires":\d+/, '"expires":9e99'),
    ],
    ['a later form', (text: string) => text.replace('"v":1', '"v":2')],
    ['another file', () => '{"name":"package"}\n'],
    ['a lease that nobody holds', withNote('lease', { v: 1, run: 'x' })],
    ['a lease of a chain', withNote('lease:x', { v: 1 })],
    ['the run of another place', withNote('run:x', { v: 1 })],
    ['a billion shards to sweep', withNote('watermarks', { v: 1, shards: 1e9 })],
    ['a note of no name', withNote('__proto__', 1)],
    ['a fence without a number', withNote('fence-all', { v: 1, number: '1' })],
    ['a fence below which no number is', withNote('fence-all', { v: 1, number: 1e300 })],
    ['a fence of the far future', withNote('fence:00', { v: 1, number: 9e15 })],
    ['a session above every fence', withField('"fenceAll":9007199254740991')],
    ['a session whose writes are no list', withField('"revs":"ab"')],
    ['a session whose writes are no texts', withField('"revs":[1]')],
    ['a session whose writes are many in one', withField('"revs":["a b"]')],
    ['a session from outside or not', withField('"outside":"yes"')],
    ['a session of a client that is a text', withField('"client":"x"')],
    ['a session with properties in a list', withField('"properties":["x"]')],
    ['a session with more that is nothing', withField('"extra":null')],
    ['a session with bytes for more', withField('"extra":{"$bytes":"AAAA"}')],
  ])('takes nothing of %s, and quotes nothing of it', async (_, broken) => {
    expect(broken(exported)).not.toBe(exported)
    const { code: error, count } = await imported(broken(exported))
    expect(count).toBe(0)
    expect(error).toBeInstanceOf(TransferError)
    const { message } = error as Error
    expect(message).toMatch(/^(?:line \d+ of the file is not|.* is not a complete file)/)
    expect(message).not.toContain('secret-name')
  })
})
