/**
 * One app in a process of its own, for whoever forked it: `node server.mjs VARIANT NAMESPACE`. Tells its port, and its
 * use of the processor whenever it is asked.
 */
import express from 'express'
import { variants } from './variants.mjs'

const [name, namespace] = process.argv.slice(2)
const app = express()
app.disable('x-powered-by')
const { close } = await variants[name].mount(app, { namespace })
app.use((error, _req, res, _next) => {
  console.error(error)
  res.status(500).end()
})
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
