import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { after, before, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { Browser, run, start } from '../shared/site.mjs'

const sites = {}

const serve = (source, target) =>
  start('node', [
    'node_modules/.bin/functions-framework',
    `--source=app/dist/${source}.js`,
    `--target=${target}`,
    '--signature-type=http',
    '--port={port}',
  ])

before(async () => {
  unpack('frameworks/cloud-functions.md', 'app', { more: 'more' })
  await run('npx', ['tsc'])
  sites.shop = await serve('function', 'shop')
  sites.unkept = await serve('unkept', 'unkept')
  sites.firebase = await serve('firebase', 'shop')
})

after(async () => {
  for (const site of Object.values(sites)) await site.stop()
})

keepsPromises(() => sites.shop.port, { unkept: null })

test('a function whose commit fails answers 500', async () => {
  const response = await new Browser(sites.unkept.port).ask('/')
  assert.deepEqual([response.status, response.setCookie], [500, []])
})

/** Treats cookies as Firebase Hosting does: of a request's cookies it forwards only the one named `__session`. */
async function hosting(to) {
  const server = createServer((req, res) => {
    const { cookie = '', ...headers } = req.headers
    const passed = cookie.split('; ').filter((one) => one.startsWith('__session='))
    const onward = request(`http://127.0.0.1:${to}${req.url}`, {
      method: req.method,
      headers: {
        ...headers,
        host: 'shop-a1b2c3.a.run.app',
        'x-forwarded-host': req.headers.host,
        ...(passed.length === 0 ? {} : { cookie: passed.join('; ') }),
      },
    })
    req.pipe(onward)
    onward.on('response', (answer) => {
      res.writeHead(answer.statusCode, answer.rawHeaders)
      answer.pipe(res)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: server.address().port, close: () => server.close() }
}

test('a visitor behind Firebase Hosting keeps the session, and stays logged in', async () => {
  const front = await hosting(sites.firebase.port)
  try {
    const browser = new Browser(front.port)
    const first = await browser.ask('/')
    assert.deepEqual(first.json(), { user: '__guest__', views: 1 })
    assert.match(
      first.setCookie[0],
      /^__session=\S+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    assert.equal(first.headers.get('cache-control'), 'no-store')
    const second = await browser.ask('/')
    assert.deepEqual(second.json(), { user: '__guest__', views: 2 })
    assert.match(second.headers.get('cache-control'), /private/)
    await browser.post('/')
    assert.equal((await browser.ask('/')).json().user, 'alice')
  } finally {
    front.close()
  }
})

test('with another name each request behind Firebase Hosting is a new visitor', async () => {
  const front = await hosting(sites.shop.port)
  try {
    const browser = new Browser(front.port)
    assert.equal((await browser.ask('/views')).json().views, 1)
    assert.equal((await browser.ask('/views')).json().views, 1)
  } finally {
    front.close()
  }
})
