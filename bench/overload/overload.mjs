/**
 * Measures what happens when the store has too much to do, hangs, goes away and comes back, and how a first large sweep
 * affects requests.
 *
 *   ./emulator.sh -- node bench/overload/overload.mjs [--quick]
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, show, table } from '../lib/numbers.mjs'
import { quick, report, say } from '../lib/report.mjs'

if (!process.env.DATASTORE_EMULATOR_HOST) {
  console.error('Run it on an emulator: ./emulator.sh -- node bench/overload/overload.mjs')
  process.exit(2)
}

const speed = quick ? '0.15' : '0.4'
const rounds = 1

function run(script, ...args) {
  say([script, ...args].join(' '))
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', path, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`${script} ended with ${status}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const troubles = ['ours', 'plain'].flatMap((variant) => run('worker.mjs', variant, speed))
const variants = ['none', 'unpaced', 'paced']
const results = Object.fromEntries(variants.map((variant) => [variant, []]))
for (let round = 0; round < rounds; round++) {
  for (const variant of variants) {
    const size = quick ? ['3', '8000'] : ['5', '16000']
    results[variant].push(...run('beside.mjs', variant, ...size))
  }
}
const sweeps = variants.map((variant) => {
  const fields = ['p50', 'p99', 'most', 'failed', 'ended']
  const middle = (field) => median(results[variant].map((one) => one[field]))
  return { variant, ...Object.fromEntries(fields.map((field) => [field, middle(field)])) }
})

const wrong = troubles.reduce((sum, { wrong }) => sum + wrong, 0)
const TITLES = { ours: 'viur-session', plain: '`datastore.get()` as it comes' }
const SWEEPS = {
  none: 'no sweep',
  unpaced: 'a sweep as fast as it can',
  paced: 'a sweep at `sweepRate` 500',
}

report('overload', [
  `Through a proxy in front of the emulator (\`bench/overload/proxy.mjs\`). Requests come at a fixed pace, whether answers come or not; each reads one of 6,000 sessions of 2 KB. The proxy lets
400 KB of answers through per second, which is about 150 sessions; then it passes nothing on; then it is not there; then every open connection goes dead and only new ones work. Deadlines are the
defaults: 5 s for viur-session, 60 s for the client as it comes, which is what a store that calls \`datastore.get()\` does.

${Object.keys(TITLES)
  .map(
    (variant) => `${TITLES[variant]}:

${table(
  [
    '',
    'offered /s',
    'answered /s',
    'p50 ms',
    'p99 ms',
    'failed /s',
    'p50 ms',
    'p99 ms',
    'calls per request',
    'most pending',
    'heap MiB',
    'first answer after ms',
  ],
  troubles
    .filter((one) => one.variant === variant)
    .map((one) => [
      one.phase,
      one.offered,
      show(one.okPerSecond),
      show(one.okP50),
      show(one.okP99),
      show(one.failedPerSecond),
      show(one.failedP50),
      show(one.failedP99),
      show(one.calls / one.requests),
      one.pending,
      Math.round(one.heap),
      one.firstOk === null ? '-' : Math.round(one.firstOk),
    ]),
)}`,
  )
  .join('\n\n')}

Answers that took "down" for "no session": ${wrong}. Heap after a collection at the end of each phase.

A first sweep of ${quick ? '8,000' : '16,000'} expired sessions of 1 KB in the process that serves the visitors, 60 requests a second of which every fourth writes, 3 ms each way:

${table(
  ['', 'p50 ms', 'p99 ms', 'slowest ms', 'failed', 'ended meanwhile'],
  sweeps.map((one) => [
    SWEEPS[one.variant],
    show(one.p50),
    show(one.p99),
    show(one.most),
    one.failed,
    one.ended,
  ]),
)}`,
])
