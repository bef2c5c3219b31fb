import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

// The folder is inside the package, so that the app finds its dependencies.
const built = mkdtempSync(join(root, 'node_modules', '.kept-'))
const app = join(built, 'app.mjs')

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('kept/app.ts', import.meta.url))],
    outfile: app,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
  })
})

afterAll(() => rmSync(built, { recursive: true, force: true }))

const FLAGS = ['--expose-gc', '--initial-heap-size=2000', '--max-semi-space-size=128']

/** Returns how many bytes of a request stay in memory until a major collection. */
function keptAlive(what: 'bare' | 'ours', page: string): number {
  const { NODE_OPTIONS: _, ...env } = process.env
  const words = [...FLAGS, app, what, page]
  return Number(execFileSync(process.execPath, words, { env, encoding: 'utf8' }))
}

describe('the memory of a request in the old generation', () => {
  // If whole requests were kept, it would be 5 KB more.
  it.each(['/read', '/write'])('is at most 1 KB more than without sessions, %s', (page) => {
    const [bare, ours] = [keptAlive('bare', page), keptAlive('ours', page)]
    expect(bare).toBeGreaterThan(0)
    expect(ours).toBeGreaterThan(0)
    expect(ours - bare).toBeLessThan(1024)
  })
})
