/**
 * Measures the latency for one visitor who requests one page after the other. Rounds of seconds vary by a quarter here.
 * So the apps take turns in short bursts, and the percentiles over all bursts count, so that disturbances affect every
 * app.
 *
 *   ./emulator.sh -- node bench/throughput/one-connection.mjs [--quick]
 */
import { Agent, get } from 'node:http'
import { variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { makeSessions } from '../lib/load.mjs'
import { ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { aims, isMainNode, quick, report, say } from '../lib/report.mjs'

needEmulator()
const names = ['bare', 'eager', 'client', 'lazy', 'rival']
const PAGES = [
  ['/read', 'page that reads one key'],
  ['/write', 'page that changes one key'],
]
const turns = quick ? 4 : isMainNode ? 30 : 12
const BURST = 50
/** The first requests of a burst, when the app's code is not in the processor's caches. */
const SKIPPED = 5

const apps = []
try {
  for (const name of names) {
    const app = await startApp(name, freshNamespace())
    const [cookie] = await makeSessions(app.url, 1, 'bytes=5000')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    apps.push({ app, cookie, agent })
  }
  for (const one of apps) {
    for (const [page] of PAGES) await burst(one, page, quick ? 100 : 1000)
  }
  const rows = []
  const found25 = []
  for (const [page, title] of PAGES) {
    const found = apps.map(() => ({ times: [], cpu: 0, count: 0 }))
    for (let turn = 0; turn < turns; turn++) {
      for (let step = 0; step < apps.length; step++) {
        const at = (turn + step) % apps.length
        const before = await apps[at].app.usage()
        const times = await burst(apps[at], page, BURST)
        const after = await apps[at].app.usage()
        found[at].times.push(...times.slice(SKIPPED))
        found[at].cpu += after.cpu - before.cpu
        found[at].count += BURST
      }
    }
    const of = (name, share) => percentile(found[names.indexOf(name)].times, share)
    for (const [share, what] of [
      [0.25, 'a quarter is faster than'],
      [0.5, 'median'],
      [0.99, '99 of 100 are faster than'],
    ]) {
      rows.push([
        `${title}: ${what}`,
        ...names.map((name) => show(of(name, share))),
        `**${ratio(of('eager', share), of('rival', share))}**`,
      ])
    }
    found25.push(of('eager', 0.25) / of('rival', 0.25))
    const cpu = (name) => {
      const { cpu: used, count } = found[names.indexOf(name)]
      return used / 1000 / count
    }
    rows.push([
      `${title}: processor time of the app`,
      ...names.map((name) => show(cpu(name))),
      `**${ratio(cpu('eager'), cpu('rival'))}**`,
    ])
    say(`${page}: ${names.map((name) => `${name} ${show(of(name, 0.25))}`).join(', ')}`)
  }
  aims(
    'one-connection',
    [0.72, 0.8].map((limit, at) => {
      const what = `${PAGES[at][1]}, one connection: the quarter's latency, of the rival's`
      return { what, limit, now: found25[at] }
    }),
  )
  report('one-connection', [
    `Milliseconds for one request, 5 KB of data: ${turns} bursts of ${BURST} requests each, all apps taking turns. The ratio is viur-session to the rival; less is better.`,
    table(['', ...names.map((name) => variants[name].title), 'ratio'], rows),
  ])
} finally {
  for (const { app, agent } of apps) {
    agent.destroy()
    await app.stop()
  }
}

async function burst({ app, cookie, agent }, page, count) {
  const headers = cookie === '' ? {} : { cookie }
  const times = []
  for (let asked = 0; asked < count; asked++) {
    const began = performance.now()
    await ask(`${app.url}${page}`, { agent, headers })
    times.push(performance.now() - began)
  }
  return times
}

function ask(url, options) {
  return new Promise((resolve, reject) => {
    const request = get(url, options, (response) => {
      response.resume()
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`${url} answered ${response.statusCode}`))
      })
    })
    request.once('error', reject)
  })
}

function percentile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]
}
