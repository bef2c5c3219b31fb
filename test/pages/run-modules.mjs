// Runs modules that were made of the blocks of pages, one after the other, in this process: those of one page build on
// each other. Standard input: their files. Tells its parent, by file, what failed. Written for code.test.ts.
import { Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const files = JSON.parse(await text(process.stdin))

// Pages name ports. Any free one does.
const { listen } = Server.prototype
Server.prototype.listen = function (...args) {
  const then = args.find((arg) => typeof arg === 'function')
  return Reflect.apply(listen, this, [0, '127.0.0.1', ...(then ? [then] : [])])
}

// The contracts register their tests with the runner that they find.
const tests = []
globalThis.describe = (_name, body) => body()
globalThis.it = (name, test) => tests.push({ name, test })

let current = ''
const failed = {}
function fails(error) {
  const [first, ...more] = String(error?.stack ?? error).split('\n    at ')
  failed[current] ??= [first, more[0]].join(' at ')
}
process.on('uncaughtException', fails)
process.on('unhandledRejection', fails)

for (const file of files) {
  current = file
  try {
    const loaded = await import(pathToFileURL(file).href)
    if (file.endsWith('.cjs')) await loaded.default
    for (const { test } of tests.splice(0)) await test()
  } catch (error) {
    fails(error)
  }
}
// The last module may have begun to listen, which may fail later.
for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
process.send(failed, () => process.exit(0))
