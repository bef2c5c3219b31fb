import { existsSync } from 'node:fs'
import { leftOut } from './announce.ts'

/** Reports that there is no browser. The tests in a browser check this themselves. */
export function setup(): void {
  const path = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
  if (existsSync(path)) return
  leftOut(
    `every test in a browser: there is none at ${path}.\nInstall Debian's package chromium, or name another one in CHROMIUM_PATH.`,
  )
}
