/**
 * The sweep beside the pattern of the reference system: on the emulator, as it is and at the end of a way, and on a store
 * that answers from memory, where the sweep itself is the limit; then what memory a worker takes.
 *
 *   ./emulator.sh -- node bench/sweep/report.mjs [--quick]
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { show, table } from '../lib/numbers.mjs'
import { needEmulator } from '../lib/parts.mjs'
import { aims, quick, report, say } from '../lib/report.mjs'

needEmulator()

/** Expired sessions, rounds, and ms that each call is held. */
const RUNS = quick
  ? [[2000, 1, 2]]
  : [
      [20_000, 1, 0],
      [20_000, 2, 2],
    ]
const BACKLOGS = quick ? ['2000'] : ['5000', '25000']

function run(script, args, flags = []) {
  say([script, ...args].join(' '))
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [...flags, path, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (status !== 0) process.exit(1)
  return stdout.trim()
}

const onEmulator = RUNS.map(([count, rounds, way]) => {
  const lines = run('./sweep.mjs', [count, rounds, way]).split('\n')
  const title = `${count.toLocaleString('en')} expired on the emulator, ${way === 0 ? 'which is on loopback' : `every call held for ${way} ms`}, median of ${rounds}:`
  return [title, lines.slice(lines.findIndex((line) => line.startsWith('|'))).join('\n')]
})

// Ratios that sweep.mjs has printed.
aims(
  'sweep',
  onEmulator.flatMap(([title, lines]) =>
    [...lines.matchAll(/^\| viur-session, ([^|]+?) \|.*?\*\*([\d.]+)\*\*/gm)].map(
      ([, observed, ratio]) => {
        return {
          what: `sweep, ${observed}: ended per second, times the reference; ${title.split(', ').slice(1, -1).join(', ')}`,
          limit: 20,
          now: Number(ratio),
          atLeast: true,
        }
      },
    ),
  ),
)

const fromMemory = JSON.parse(run('./from-memory.mjs', quick ? ['--quick'] : []))
const whole = (value) => Math.round(value).toLocaleString('en')
const memoryRows = fromMemory.rows.map(({ way, observed, mine, theirs }) => [
  `${way} ms, ${observed ? 'one observer' : 'no observer'}`,
  whole(mine.perSecond),
  whole(theirs.perSecond),
  `**${Math.round(mine.perSecond / theirs.perSecond)} x**`,
  whole(mine.callsPerMillion),
  whole(theirs.callsPerMillion),
  mine.tasks,
  whole(theirs.tasksPerMillion),
  show(mine.cpuPerMillion),
])

const memory = run('./memory.mjs', BACKLOGS, ['--expose-gc'])

report('sweep', [
  'The reference is the pattern of viur-core 3.8: pages of 5, one delete call for each session, one unnamed task for each page, one after the other. Both in one process, taking turns, on the same store; the reference gets fewer sessions, since its pace does not depend on the backlog, and its tasks are scaled up. What the sweep itself takes of its time on the emulator, in processor time, is in the last column: for the rest the emulator works, which shares the machine, or calls are on their way.',
  ...onEmulator.flat(),
  `A store that answers from memory, so many ms after each call; ${whole(fromMemory.count)} expired for viur-session, ${fromMemory.referenceCount} for the reference. Ended per second, calls of the store and of the queue for a million, tasks (of viur-session: of the whole run, where a task works for 90 s), and processor seconds for a million:`,
  table(
    [
      '',
      'ended /s',
      'reference',
      'ratio',
      'calls per million',
      'reference',
      'tasks',
      'reference, per million',
      'processor, s per million',
    ],
    memoryRows,
  ),
  'What a worker takes of memory by the size of the backlog, which another process filled: sessions of 1 KB, one observer, the largest heap after a collection and the largest resident size, looked at every 200 ms (which slows it down):',
  memory,
])
