import { median } from '../lib/numbers.mjs'
import { hammer, makeSessions } from '../lib/load.mjs'
import { say } from '../lib/report.mjs'

/**
 * Measures each cell on each app for this many rounds. The apps take turns within each cell, so that disturbances
 * affect all of them. Returns the medians by cell and app.
 *
 * A cell: `{ name, page, query, connections }`. `warm`: the apps have run before.
 */
export async function measure(apps, cells, { rounds, seconds, warm = false }) {
  const results = new Map()
  const cookies = new Map()
  if (!warm) await warmUp(apps, cells, seconds)
  for (const cell of cells) {
    for (const app of apps) {
      const key = `${app.variant} ${cell.query} ${cell.connections}`
      if (cookies.has(key)) continue
      cookies.set(key, await makeSessions(app.url, cell.connections, cell.query))
    }
    for (let round = 0; round < rounds; round++) {
      // Each app is first once, so that no app always runs after the same other one.
      const turns = apps.map((_, at) => apps[(at + round) % apps.length])
      for (const app of turns) {
        const { connections, query } = cell
        const made = cookies.get(`${app.variant} ${query} ${connections}`)
        const result = await hammer(app, cell.page, { connections, cookies: made, seconds })
        const key = `${cell.name} ${app.variant}`
        results.set(key, [...(results.get(key) ?? []), result])
      }
    }
    say(`${cell.name}: ${apps.map((app) => line(cell, app, results)).join(', ')}`)
  }
  return (cell, app) => medians(results.get(`${cell.name} ${app.variant}`) ?? [])
}

/** Figures before compilation, in the apps and in the emulator, are different. */
async function warmUp(apps, cells, seconds) {
  const pages = new Set(cells.map(({ page }) => page))
  for (const app of apps) {
    const cookies = await makeSessions(app.url, 32, cells[0].query)
    for (const page of pages) {
      await hammer(app, page, { connections: 32, cookies, seconds: 2 * seconds })
    }
  }
  say('warm')
}

function line(cell, app, results) {
  const { perSecond, cpu } = medians(results.get(`${cell.name} ${app.variant}`))
  return `${app.variant} ${Math.round(perSecond)}/s ${cpu.toFixed(2)} ms`
}

function medians(results) {
  const of = (field) => median(results.map((result) => result[field]))
  return { perSecond: of('perSecond'), slow: of('slow'), cpu: of('cpu'), rss: of('rss') }
}
