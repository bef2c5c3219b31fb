import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import webpack from 'webpack'

const here = fileURLToPath(new URL('.', import.meta.url))
const out = `${here}dist`

/** The packages for calls to Google stay outside of the file, as docs/deploying.md says. */
const external = [
  '@grpc/grpc-js',
  'google-auth-library',
  '@google-cloud/datastore',
  '@google-cloud/tasks',
]

const BUNDLERS = {
  esbuild: ({ from, to, format }) =>
    build({
      entryPoints: [from],
      outfile: to,
      external,
      bundle: true,
      platform: 'node',
      format,
      logLevel: 'error',
    }),
  Rollup: async ({ from, to, format }) => {
    const plugins = [nodeResolve({ exportConditions: ['node'] }), commonjs()]
    const bundle = await rollup({ input: from, external, plugins, onwarn: () => {} })
    await bundle.write({ file: to, format, inlineDynamicImports: true })
    await bundle.close()
  },
  webpack: async ({ from, to, format }) => {
    const isModule = format === 'esm'
    const kind = isModule ? 'module' : 'commonjs2'
    const stats = await new Promise((resolve, reject) => {
      const config = {
        mode: 'production',
        target: 'node20',
        entry: from,
        experiments: { outputModule: isModule },
        externals: external.map((name) => ({
          [name]: isModule ? `import ${name}` : `commonjs ${name}`,
        })),
        output: {
          path: out,
          filename: to.slice(out.length + 1),
          library: { type: kind },
          chunkFormat: isModule ? 'module' : 'commonjs',
        },
        plugins: [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 })],
      }
      webpack(config, (error, result) => (error ? reject(error) : resolve(result)))
    })
    assert.deepEqual(stats.toJson({ errors: true }).errors, [])
  },
}

after(() => rmSync(out, { recursive: true, force: true }))

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  for (const format of ['esm', 'cjs']) {
    for (const app of ['app.mjs', 'app.cjs']) {
      // Rollup keeps require() in files that are not modules, and with esbuild it works at run time only in CommonJS.
      if (app === 'app.cjs' && format === 'esm') continue
      test(`${name}: ${app} in one file, as ${format}`, async () => {
        const extension = format === 'esm' ? 'mjs' : 'cjs'
        const to = `${out}/${name}-${app.replace('.', '-')}.${extension}`
        await bundle({ from: here + app, to, format })
        const env = { ...process.env, SPACE: `b${randomBytes(6).toString('hex')}` }
        const { status, stdout, stderr } = spawnSync(process.execPath, [to], {
          env: { ...env, METADATA_SERVER_DETECTION: 'none' },
          encoding: 'utf8',
        })
        assert.equal(stderr, '')
        const store = process.env.DATASTORE_EMULATOR_HOST ? 'Datastore' : 'memory'
        assert.equal(stdout, `alice 3 1 function\ntrue ${store}\n`)
        assert.equal(status, 0)
      })
    }
  }
}
