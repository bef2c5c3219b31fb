import autocannon from 'autocannon'

/** Returns the cookies of this many new sessions, filled with the data that the query asks for. */
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

/** Requests a page over this many connections, each with its own session, for this many seconds. */
export async function hammer(app, page, { connections, cookies, seconds }) {
  let next = 0
  const before = await app.usage()
  const began = performance.now()
  const result = await autocannon({
    url: `${app.url}${page}`,
    connections,
    duration: seconds,
    timeout: 30,
    // How often autocannon checks whether the time is over, in milliseconds.
    sampleInt: 50,
    setupClient: (client) => {
      const cookie = cookies[next++ % Math.max(cookies.length, 1)]
      if (cookie) client.setHeaders({ cookie })
    },
  })
  const took = (performance.now() - began) / 1000
  const after = await app.usage()
  const good = result['2xx']
  // The machine stood still, so the result says nothing. A longer run follows.
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
    /** Latency in milliseconds that one request of a hundred exceeds. */
    slow: result.latency.p99,
    /** Processor time for one request, in milliseconds. */
    cpu: (after.cpu - before.cpu) / 1000 / good,
    rss: after.rss / 2 ** 20,
    good,
  }
}
