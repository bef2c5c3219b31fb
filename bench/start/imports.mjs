/**
 * Measures the cost of importing each entry, and what it loads.
 *
 *   node bench/start/imports.mjs [--quick]
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, show, table } from '../lib/numbers.mjs'
import { aims, isMainNode, quick, report, say } from '../lib/report.mjs'

const rounds = quick ? 3 : isMainNode ? 7 : 5
const hasCompileCache = Number(/^v(\d+)/.exec(process.version)[1]) >= 22
const cache = mkdtempSync(join(tmpdir(), 'bench-cache-'))
const root = new URL('../../', import.meta.url)
const CHILD = fileURLToPath(new URL('./one-import.mjs', import.meta.url))

const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const entries = Object.entries(exports).flatMap(([name, target]) => {
  const url = new URL(target.import ?? target, root)
  const isThere = url.pathname.endsWith('.js') && existsSync(url)
  return isThere ? [[`viur-session${name.slice(1)}`, [url.href]]] : []
})
const urlOf = (name) => entries.find(([entry]) => entry === name)[1][0]

const SETS = [
  ['viur-session + its express', [urlOf('viur-session'), urlOf('viur-session/express')]],
  ...entries,
  ['express', ['express']],
  ['express-session', ['express-session']],
  ['@google-cloud/datastore', ['@google-cloud/datastore']],
  [
    'express-session + connect-datastore + its client',
    ['express-session', '@google-cloud/connect-datastore', '@google-cloud/datastore'],
  ],
  ['cookie-session', ['cookie-session']],
  ['iron-session', ['iron-session']],
].map(([title, modules]) => ({
  title,
  // Resolved here, where the rivals are installed.
  modules: modules.map((module) => import.meta.resolve(module)),
  times: [],
  cached: [],
}))

function run(mode, modules, more = {}) {
  // Otherwise express logs every deprecation.
  const env = { ...process.env, NODE_ENV: 'production', ...more }
  return JSON.parse(execFileSync(process.execPath, [CHILD, mode, ...modules], { env }).toString())
}

for (let round = 0; round < rounds; round++) {
  for (const set of SETS) {
    set.times.push(run('time', set.modules))
    if (!hasCompileCache) continue
    const found = run('time', set.modules, { NODE_COMPILE_CACHE: cache })
    // The first run fills the cache.
    if (round > 0) set.cached.push(found)
  }
}
rmSync(cache, { recursive: true, force: true })

const counts = new Map()
const rows = SETS.map(({ title, modules, times, cached }) => {
  const files = run('files', modules).filter(
    (file) => !file.startsWith(fileURLToPath(new URL('.', import.meta.url))),
  )
  const packages = new Set(
    files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []),
  )
  const google = [...packages].filter(
    (name) => name.startsWith('@google-cloud/') || name.startsWith('google-'),
  )
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
  const ms = median(times.map((time) => time.ms))
  counts.set(title, { ms, files: files.length })
  const rss = median(times.map((time) => time.rss)) / 2 ** 20
  say(`${title}: ${show(ms)} ms, ${files.length} files: ${[...packages].join(' ')}`)
  return [
    title,
    show(ms),
    cached.length === 0 ? '-' : show(median(cached.map((time) => time.ms))),
    show(rss),
    String(files.length),
    String(Math.round(bytes / 1024)),
    String(packages.size),
    google.length === 0 ? 'none' : google.join(', '),
  ]
})

const { ms, files } = counts.get('viur-session + its express')
aims(
  'imports',
  [
    { what: 'import of core, Express adapter and memory store: ms', limit: 20, now: ms },
    { what: 'import of core, Express adapter and memory store: files', limit: 12, now: files },
  ],
  { everyNode: true },
)
report('imports', [
  `Median of ${rounds} fresh processes, all taking turns; the files are in the page cache of the system.${hasCompileCache ? ' The second column: with the compile cache of Node (`NODE_COMPILE_CACHE`), filled by a process before.' : ''}`,
  table(
    ['', 'ms', 'cached, ms', 'resident, MiB', 'files', 'KiB of code', 'packages', 'of Google'],
    rows,
  ),
])
