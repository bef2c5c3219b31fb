import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Enough room for young objects, so that none is collected while they are counted. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128']

/** KiB for one request above the bare app, including the memory store. Allocations do not depend on the machine. */
const BUDGET = { read: 21, write: 55 }

it('a request allocates no more than its budget', async () => {
  // The folder is inside the project, so that its packages are found.
  const script = `${root}node_modules/.allocations-${process.pid}.mjs`
  onTestFinished(() => rmSync(script, { force: true }))
  await build({
    entryPoints: [`${root}test/bench/allocations-app.ts`],
    outfile: script,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  })
  const { stdout, stderr } = spawnSync(process.execPath, [...FLAGS, script], {
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production' },
  })
  expect(stderr).toBe('')
  const { bare, read, write } = JSON.parse(stdout) as Record<string, number>
  expect(bare).toBeGreaterThan(1)
  expect(Number(read) - Number(bare)).toBeGreaterThan(1)
  expect(Number(read) - Number(bare)).toBeLessThanOrEqual(BUDGET.read)
  expect(Number(write) - Number(bare)).toBeLessThanOrEqual(BUDGET.write)
})
