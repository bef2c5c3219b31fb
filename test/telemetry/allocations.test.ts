import { spawnSync } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { build, type Plugin } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * The optimizing compilers can remove allocations. Without them the number of bytes is the same on every machine. The space
 * for young objects is large enough that no collection runs during a measurement.
 */
const FLAGS = [
  '--expose-gc',
  '--no-opt',
  '--no-maglev',
  '--min-semi-space-size=128',
  '--max-semi-space-size=128',
]

/** All expressions that ask whether a channel has subscribers. */
const QUESTION = /\bisHeard\('[a-z-]+'\)|[\w#.]+\.(?:isHeard|hasSubscribers)\b/g

type Bytes = Record<string, number>

let asked = 0

/** Builds the same code without telemetry: each question is answered with `false`, and the dead branches are removed. */
const withoutChannels: Plugin = {
  name: 'without channels',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(QUESTION, () => {
        asked += 1
        return 'false'
      }),
      loader: 'ts',
    }))
  },
}

/** Bytes that each step of the app allocates. */
async function measured(what: 'helpers' | 'requests', plugins: Plugin[]): Promise<Bytes> {
  // Inside the project, so that its packages are found.
  const script = `${root}node_modules/.telemetry-allocations-${process.pid}.mjs`
  try {
    await build({
      entryPoints: [`${root}test/telemetry/allocations-app.ts`],
      outfile: script,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      minifySyntax: true,
      logLevel: 'silent',
      plugins,
    })
    const { stdout, stderr } = spawnSync(process.execPath, [...FLAGS, script, what], {
      encoding: 'utf8',
      env: { ...process.env, NODE_ENV: 'production' },
    })
    expect(stderr).toBe('')
    return JSON.parse(stdout) as Bytes
  } finally {
    await rm(script, { force: true })
  }
}

/**
 * The middle number of each step. In one of about ten processes the engine needs 16 bytes less for one of the steps, so
 * that a single run can differ.
 */
function medians(runs: readonly Bytes[]): Bytes {
  const middle = (step: string) => {
    return runs.map((bytes) => bytes[step] as number).sort((a, b) => a - b)[runs.length >> 1]
  }
  return Object.fromEntries(
    Object.keys(runs[0] ?? {}).map((step) => [step, middle(step) as number]),
  )
}

describe('without subscribers', () => {
  let helpers: Bytes

  beforeAll(async () => {
    helpers = await measured('helpers', [])
  })

  it('publishing allocates nothing', () => {
    const { object, closure, ...silent } = helpers
    expect(Object.keys(silent).length).toBeGreaterThan(20)
    expect(silent).toEqual(Object.fromEntries(Object.keys(silent).map((name) => [name, 0])))
  })

  it('the measurement finds an empty object, and the captured variables of a closure', () => {
    expect(helpers['object']).toBeGreaterThanOrEqual(12)
    expect(helpers['closure']).toBeGreaterThanOrEqual(12)
  })

  it('a request allocates as many bytes as in a build without telemetry', async () => {
    const runs: [Bytes[], Bytes[]] = [[], []]
    let usual: Bytes = {}
    let without: Bytes = {}
    for (const count of [1, 2, 2, 2]) {
      for (let run = 0; run < count; run++) {
        runs[0].push(await measured('requests', []))
        runs[1].push(await measured('requests', [withoutChannels]))
      }
      usual = medians(runs[0])
      without = medians(runs[1])
      if (isDeepStrictEqual(usual, without)) break
    }
    expect(asked).toBeGreaterThan(25)
    expect(Object.keys(usual)).toHaveLength(12)
    expect(usual).toEqual(without)
  })
})
