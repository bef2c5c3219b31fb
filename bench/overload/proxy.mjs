import { createServer, connect } from 'node:net'

/**
 * A TCP proxy before an emulator, which can be slow, narrow, silent or gone. It does not know HTTP/2, and treats bytes
 * as a network does.
 *
 * - `delay`: delay of every chunk in milliseconds, in both directions
 * - `bandwidth`: bytes per second of all answers together; 0 means no limit
 * - `silent`: accepts bytes and passes none on, in both directions, until it is set to false again
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

  /** Passes one direction on, chunk after chunk; `through` is the narrow link that all answers share. */
  const pass = (from, to, pair, through) => {
    let last = Promise.resolve()
    from.on('data', (chunk) => {
      // Waiting chunks fill no memory: the sender is paused until its chunk was sent.
      from.pause()
      const due = [performance.now() + settings.delay]
      if (through !== null && settings.bandwidth > 0) {
        through.freeAt =
          Math.max(through.freeAt, performance.now()) + (chunk.length / settings.bandwidth) * 1000
        due.push(through.freeAt)
      }
      // With only a delay the link is long but not narrow, so the next chunk may come at once.
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
    /** Makes all open connections silent for ever; new ones work. */
    deaden() {
      for (const pair of pairs) pair.dead = true
    },
    /** Stops listening, and resets every connection. */
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
          // Another connection may have been given the port meanwhile; it is soon free again.
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
