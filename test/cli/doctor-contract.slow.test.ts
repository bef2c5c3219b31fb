import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uniqueSpace } from '../setup/stores.ts'
import { answerOf } from './answers.ts'
import { type ScratchApp, scratchApp } from './scratch-app.ts'

const host = process.env['DATASTORE_EMULATOR_HOST']

describe.skipIf(host === undefined)('viur-session doctor --contract', () => {
  let app: ScratchApp
  beforeAll(() => {
    app = scratchApp(host as string)
  })
  afterAll(() => app.remove())

  it('runs the whole contract against the database', async () => {
    const args = ['doctor', '--contract', '--json', '--namespace', uniqueSpace()]
    const { code, stdout } = await app.run(args)
    const { checks } = answerOf('doctor', stdout) as { checks: { name: string; says: string }[] }
    expect(checks.find(({ name }) => name === 'contract')?.says).toMatch(
      /^all \d\d+ tests passed, and left nothing behind$/,
    )
    expect(code).toBe(0)
  })
})
