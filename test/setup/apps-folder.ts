import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let made: string | null = null

/**
 * Makes the folder of the apps for the whole run, see test/cli/scratch-app.ts. It is removed here, because Vitest stops
 * the processes of tests without their last events.
 */
export function setup(): void {
  if (process.env['VIUR_TEST_APPS'] !== undefined) return
  made = mkdtempSync(join(tmpdir(), 'viur-cli-'))
  process.env['VIUR_TEST_APPS'] = made
}

export function teardown(): void {
  if (made === null) return
  delete process.env['VIUR_TEST_APPS']
  rmSync(made, { recursive: true, force: true })
}
