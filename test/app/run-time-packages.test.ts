import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Optional peers that a deployment on Google Cloud can do without. */
const OPTIONAL = ['@grpc/grpc-js']

it('the reference app finds everything that it imports where development packages were removed', async () => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/app/main.ts'],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const imported = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports.map(({ path }) => path))
    .filter((path) => !path.startsWith('node:'))
    .map((path) => /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path)
  const { dependencies } = JSON.parse(readFileSync(`${root}src/app/package.json`, 'utf8')) as {
    dependencies: Record<string, string>
  }
  expect(imported).toContain('express')
  expect(imported).toContain('devalue')
  const missing = imported.filter((name) => !Object.hasOwn(dependencies, name))
  expect(missing.filter((name) => !OPTIONAL.includes(name))).toEqual([])
})
