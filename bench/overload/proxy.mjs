import { createServer, connect } from 'node:net'

/**
 * A plain TCP proxy in front of an emulator that can be slow, narrow, silent or gone. It knows nothing of HTTP/2:
 * what it does to bytes is what a network does.
 *
 * - `delay`: milliseconds that every chunk takes, each way
 * - `bandwidth`: bytes per second of all answers together; 0 is no limit
 * - `silent`: takes bytes and passes none on, in both directions, until it is set to false again
 */
export async function startProxy(target) {
  const [host, port] = splitAddress(target)
  const settings = { delay: 0, bandwidth: 0, silent: false }
  const pairs = new Set()
  const link = { freeAt: 0 }

  const accept = (client) => {
    const server = connect({ host, port })
    const pair = { client, server, dead: false }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', end)
    }
    pass(client, server, pair, null)
    pass(server, client, pair, link)
  }

  /** One direction, chunk after chunk; `through` is the narrow link that all answers share. */
  const pass = (from, to, pair, through) => {
    let last = Promise.resolve()
    from.on('data', (chunk) => {
      // What waits here fills no memory: the sender is stopped until its chunk has left.
      from.pause()
      const due = [performance.now() + settings.delay]
      if (through !== null && settings.bandwidth > 0) {
        through.freeAt =
          Math.max(through.freeAt, performance.now()) + (chunk.length / settings.bandwidth) * 1000
        due.push(through.freeAt)
      }
      // With a delay alone the link is long, not narrow: the next chunk may come at once.
      if (through === null || settings.bandwidth === 0) from.resume()
      last = last.then(async () => {
        await until(Math.max(...due))
        while ((settings.silent || pair.dead) && !to.destroyed) await until(performance.now() + 20)
        if (!to.destroyed) to.write(chunk)
        from.resume()
      })
    })
  }

  let server = createServer(accept)
  await listen(server, 0)
  const at = server.address().port
  return {
    address: `127.0.0.1:${at}`,
    settings,
    get connections() {
      return pairs.size
    },
    /** Connections that are open now will never say anything again; new ones work. */
    deaden() {
      for (const pair of pairs) pair.dead = true
    },
    /** Nobody listens any more, and every connection is reset. */
    async vanish() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const { client } of pairs) client.resetAndDestroy()
      await closed
    },
    async comeBack() {
      for (const begun = performance.now(); ; ) {
        server = createServer(accept)
        try {
          await listen(server, at)
          return
        } catch (error) {
          // A connection of somebody else may have been given the port meanwhile; it is free again before long.
          if (error.code !== 'EADDRINUSE' || performance.now() - begun > 10_000) throw error
          await until(performance.now() + 50)
        }
      }
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const { client, server: far } of pairs) {
        client.destroy()
        far.destroy()
      }
      await closed
    },
  }
}

function until(time) {
  const wait = time - performance.now()
  return wait < 0.5 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, wait))
}

function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

function splitAddress(address) {
  const at = address.lastIndexOf(':')
  return [address.slice(0, at), Number(address.slice(at + 1))]
}
