import autocannon from 'autocannon'

/** The cookies of so many new sessions, filled with the data that the query asks for. */
export async function makeSessions(url, count, query) {
  const cookies = []
  for (let at = 0; at < count; at += 16) {
    const some = Array.from({ length: Math.min(16, count - at) }, async () => {
      const response = await fetch(`${url}/fill?${query}`)
      await response.text()
      if (response.status !== 200) throw new Error(`/fill answered ${response.status}`)
      return response.headers
        .getSetCookie()
        .map((line) => line.split(';')[0])
        .join('; ')
    })
    cookies.push(...(await Promise.all(some)))
  }
  return cookies
}

/** Asks for a page over so many connections, each with a session of its own, for so many seconds. */
export async function hammer(app, page, { connections, cookies, seconds }) {
  let next = 0
  const before = await app.usage()
  const began = performance.now()
  const result = await autocannon({
    url: `${app.url}${page}`,
    connections,
    duration: seconds,
    timeout: 30,
    // It looks this often whether its time is over.
    sampleInt: 50,
    setupClient: (client) => {
      const cookie = cookies[next++ % Math.max(cookies.length, 1)]
      if (cookie) client.setHeaders({ cookie })
    },
  })
  const took = (performance.now() - began) / 1000
  const after = await app.usage()
  const good = result['2xx']
  // A machine that stood still: it says nothing, and less time would be no better.
  if (good === 0 && result.non2xx === 0 && result.errors === 0 && seconds < 10) {
    return await hammer(app, page, { connections, cookies, seconds: 3 * seconds })
  }
  if (good === 0 || result.non2xx > 0 || result.errors > 0) {
    throw new Error(
      `${app.variant} ${page} over ${connections}: ${good} good, ${result.non2xx} bad, ${result.errors} failed`,
    )
  }
  return {
    perSecond: good / took,
    /** Milliseconds; one of a hundred took longer. */
    slow: result.latency.p99,
    /** Milliseconds of processor time for one request. */
    cpu: (after.cpu - before.cpu) / 1000 / good,
    rss: after.rss / 2 ** 20,
    good,
  }
}
