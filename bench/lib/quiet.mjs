import { readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { say } from './report.mjs'

/** Maximum share of all cores that other processes may use. With more, the figures would depend on them. */
export const MOST_OF_OTHERS = 0.1

/** Maximum load average of the last minute for each core, at which a run may begin. */
const MOST_LOAD = 0.5

/** Returns the used jiffies of all cores, and those of this process and its finished children. */
function jiffies() {
  const [user, nice, system, idle, wait, ...rest] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const steal = rest[2] ?? 0
  // utime, stime, cutime, cstime; the name before them may contain anything.
  const own = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ').slice(11, 15)
  const used = user + nice + system + steal
  return {
    used,
    all: used + idle + wait,
    ours: own.reduce((sum, value) => sum + Number(value), 0),
  }
}

/** Starts watching. The returned function gives the share of all cores that other processes used; `null`: unknown. */
export function watchOthers() {
  if (process.platform !== 'linux') return () => null
  const before = jiffies()
  return () => {
    const after = jiffies()
    const others = after.used - before.used - (after.ours - before.ours)
    return Math.max(0, others) / Math.max(1, after.all - before.all)
  }
}

/** Waits up to this many seconds until other processes use little of the machine. Returns whether they do. */
export async function othersAreQuiet(seconds) {
  for (let left = seconds; ; left -= 2) {
    const others = watchOthers()
    await sleep(2000)
    const share = others()
    if (share === null || share <= MOST_OF_OTHERS) return true
    say(`others take ${Math.round(share * 100)} % of the machine`)
    if (left <= 0) return false
  }
}

/** Waits up to this many seconds until the load average is low. Returns whether it is. */
export async function loadIsLow(seconds) {
  for (let left = seconds; ; left -= 10) {
    const [load] = loadavg()
    if (load <= MOST_LOAD * cpus().length) return true
    say(`the load average is ${load.toFixed(2)}`)
    if (left <= 0) return false
    await sleep(10_000)
  }
}
