/**
 * One app in its own process, for the process that forked it: `node server.mjs VARIANT NAMESPACE [ready]`. Sends its
 * port, and its processor use on request. `ready`: it listens only when its store is ready.
 */
import express from 'express'
import { variants } from './variants.mjs'

const [name, namespace, wait] = process.argv.slice(2)
const app = express()
app.disable('x-powered-by')
const { ready, close } = await variants[name].mount(app, { namespace })
app.use((error, _req, res, _next) => {
  console.error(error)
  res.status(500).end()
})
if (wait === 'ready') await ready()
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', (message) => {
  if (message === 'usage') {
    process.send({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() })
  }
})
process.once('disconnect', async () => {
  server.close()
  server.closeAllConnections()
  await close()
  process.exit()
})
