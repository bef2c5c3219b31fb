// One file per entry and the parts that entries share, instead of a hundred: what Node spends on finding and linking modules
// is most of what an import costs. Types stay as tsc writes them.
import { join } from 'node:path'
import { rolldown } from 'rolldown'

/** Where tsc has written to. */
const dist = process.argv[2] ?? 'dist'

const bundle = await rolldown({
  input: {
    index: join(dist, 'index.js'),
    datastore: join(dist, 'store/datastore/index.js'),
    migrate: join(dist, 'migrate/index.js'),
    tasks: join(dist, 'cloud-tasks/index.js'),
    express: join(dist, 'express/index.js'),
    'express-session': join(dist, 'express-session/index.js'),
    testing: join(dist, 'testing/index.js'),
  },
  external: /^[^./]/,
  platform: 'node',
})
await bundle.write({
  dir: join(dist, 'lib'),
  format: 'esm',
  chunkFileNames: 'parts/[name]-[hash].js',
})
await bundle.close()
