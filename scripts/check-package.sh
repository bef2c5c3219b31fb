#!/usr/bin/env bash
# Tests the packages as users get them: packs them, and uses the tarballs in temporary apps, as ES modules and from
# CommonJS. Arguments: the Node programs to use; by default the one in PATH.
set -euo pipefail
nodes=("${@:-node}")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$root"

npm pack --silent --pack-destination "$scratch" > /dev/null
npm pack --silent --pack-destination "$scratch" --workspace @viur-session/cloud-tasks-server > /dev/null
tarball=$(echo "$scratch"/viur-session-[0-9]*.tgz)
server_tarball=$(echo "$scratch"/viur-session-cloud-tasks-server-*.tgz)

echo "package: contents"
unwanted=$(tar -tzf "$tarball" | grep -vE '^package/(dist/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$|SECURITY\.md$|SUPPORT\.md$|bench/RESULTS\.md$|docs/([a-z-]+/)*[A-Za-z0-9-]+\.md$|docs/monitoring/([a-z]+/)?[a-z-]+\.(json|yaml)$|docs/charts/[a-z-]+\.svg$)|^package/dist/app/|\.map$' || true)
unwanted+=$(tar -tzf "$tarball" | grep -E '^package/dist/((app|cli)/|.*\.test\.)' || true)
unwanted+=$(tar -tzf "$server_tarball" | grep -vE '^package/(dist/[a-z-]+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$' || true)
if [ -n "$unwanted" ]; then
  echo "these files do not belong into the package:" >&2
  echo "$unwanted" >&2
  exit 1
fi

echo "package: links"
mkdir "$scratch/unpacked"
tar -xzf "$tarball" -C "$scratch/unpacked"
node scripts/check-links.mjs "$scratch/unpacked/package"
mkdir "$scratch/unpacked-server"
tar -xzf "$server_tarball" -C "$scratch/unpacked-server"
node scripts/check-links.mjs "$scratch/unpacked-server/package"

echo "package: publint"
npx publint run --strict "$tarball"
npx publint run --strict "$server_tarball"

echo "package: types"
npx attw "$tarball" --no-emoji --format ascii
# CommonJS callers of this package load its ES modules with require(), which Node 20.19 and newer supports.
npx attw "$server_tarball" --profile esm-only --no-emoji --format ascii

echo "package: in a scratch app"
mkdir "$scratch/app"
cd "$scratch/app"
echo '{ "name": "scratch", "private": true }' > package.json
npm install --silent --no-audit --no-fund --no-package-lock "$tarball" \
  "express@$(node -p "require('$root/package.json').devDependencies.express")" \
  "express-session@$(node -p "require('$root/package.json').devDependencies['express-session']")" \
  "@types/express-session@$(node -p "require('$root/package.json').devDependencies['@types/express-session']")"

cat > use.mjs <<'JS'
import assert from 'node:assert/strict'
import { createSessions, GUEST_USER } from 'viur-session'
import { sessionMiddleware } from 'viur-session/express'
import express from 'express'

const sessions = createSessions()
const app = express().use(sessionMiddleware(sessions))
app.get('/', (req, res) => res.send(String(req.session.set('n', 1).get('n'))))
const server = app.listen(0, '127.0.0.1', async () => {
  const response = await fetch(`http://127.0.0.1:${server.address().port}/`)
  assert.equal(await response.text(), '1')
  assert.match(response.headers.get('set-cookie'), /^viur-session=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/)
  assert.equal(GUEST_USER, '__guest__')
  server.close()
})
JS
cat > use.cjs <<'JS'
const assert = require('node:assert/strict')
const { createSessions, memoryStore } = require('viur-session')
const { sessionMiddleware } = require('viur-session/express')
const { datastoreStore } = require('viur-session/datastore')
const { connectDatastoreSessions, viurCoreSessions } = require('viur-session/migrate')
const { storeContract, cookieJar } = require('viur-session/testing')
const { cloudTasks } = require('viur-session/tasks')
const { sqliteStore } = require('viur-session/sqlite')
const { fastifySessionStore, koaSessionStore } = require('viur-session/stores')
const { createCookieSessions } = require('viur-session/cookie-sessions')
const { withSession } = require('viur-session/fetch')
const { withSession: onNode } = require('viur-session/node')
const { fastifySession } = require('viur-session/fastify')
const { DatastoreSessionStore, cleanupRoutes } = require('viur-session/express-session')
const session = require('express-session')
const express = require('express')

for (const api of [fastifySessionStore, koaSessionStore, memoryStore, sessionMiddleware, datastoreStore, storeContract, cookieJar, cloudTasks, fastifySession]) {
  assert.equal(typeof api, 'function')
}
async function main() {
  const sessions = createSessions()
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 1)
  const { setCookie } = await sessions.commit(session)
  assert.match(setCookie[0], /^__Host-viur-session=/)
  // The drivers are optional peers: without them, the error of the first call names the package to install.
  const store = datastoreStore({ projectId: 'p' })
  await assert.rejects(store.find('a'.repeat(43)), /npm install @grpc\/grpc-js google-auth-library/)
  const queue = cloudTasks({ queue: 'q', location: 'l', projectId: 'p', target: { appEngine: {} } })
  await assert.rejects(queue.add({ name: 'n', body: null }), /npm install @google-cloud\/tasks/)
  assert.throws(() => require('viur-session/telemetry'), /@opentelemetry\/api/)
  assert.ok(createSessions({ store, legacy: viurCoreSessions({ cookie: 'c' }) }))
  assert.ok(new DatastoreSessionStore({ projectId: 'p', legacy: connectDatastoreSessions() }))
  await inFile()
  await inCookie()
  await overFetch()
  await overHttp()
  await drop(new DatastoreSessionStore({ store: memoryStore() }))
  await assert.rejects(new DatastoreSessionStore({ projectId: 'p', logger: { warn() {} } }).get('a'), /npm install @grpc\/grpc-js google-auth-library/)
}
async function inFile() {
  // Node 20 has no SQLite, but it can load the entry.
  if (process.getBuiltinModule('node:sqlite') === undefined) {
    assert.throws(() => sqliteStore({ file: 'sessions.db' }), /Node 22\.13/)
    return
  }
  const sessions = createSessions({ store: sqliteStore({ file: 'sessions.db' }) })
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 1)
  const [cookie] = (await sessions.commit(session)).setCookie
  const again = await sessions.open({ secure: true, cookie: cookie.split(';')[0] }).load()
  assert.equal(again.get('n'), 1)
  await sessions.close()
}
async function inCookie() {
  const keys = [{ id: 'k', key: require('node:crypto').randomBytes(32) }]
  const sessions = createCookieSessions({ keys, cookie: { secure: false } })
  const app = express().use(sessionMiddleware(sessions))
  app.get('/', (req, res) => res.send(String(req.session.set('n', (req.session.get('n') ?? 0) + 1).get('n'))))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${server.address().port}/`
  const cookie = (await fetch(url)).headers.getSetCookie()[0].split(';')[0]
  assert.equal(await (await fetch(url, { headers: { cookie } })).text(), '2')
  server.close()
}
async function overFetch() {
  const request = new Request('https://shop.example/')
  const response = await withSession(createSessions(), request, (session) => Response.json(session.set('n', 1).get('n')))
  assert.match(response.headers.get('set-cookie'), /^__Host-viur-session=/)
  assert.equal(await response.json(), 1)
}
async function overHttp() {
  const serve = onNode(createSessions(), (req, res) => res.end(String(req.session.set('n', 1).get('n'))), { trustProxy: 1 })
  const server = require('node:http').createServer(serve).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const headers = { 'X-Forwarded-Proto': 'https' }
  const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers })
  assert.match(response.headers.get('set-cookie'), /^__Host-viur-session=/)
  server.close()
}
async function drop(store) {
  assert.ok(store instanceof session.Store)
  assert.equal(typeof cleanupRoutes(store.sessions, { caller: require('viur-session/express-session').localOnly() }), 'function')
  const app = express().use(session({ store, secret: 's', resave: false, saveUninitialized: false }))
  app.get('/', (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1
    res.send(String(req.session.n))
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${server.address().port}/`
  const first = await fetch(url)
  assert.equal(await first.text(), '1')
  const cookie = first.headers.getSetCookie()[0].split(';')[0]
  assert.equal(await (await fetch(url, { headers: { cookie } })).text(), '2')
  server.close()
}
main()
JS
cat > copies.mjs <<'JS'
// Both kinds of modules in an app get the same copy. Each entry of the package has both builds, with the same names.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { exports } = JSON.parse(readFileSync('node_modules/viur-session/package.json', 'utf8'))
for (const [name, conditions] of Object.entries(exports)) {
  if (typeof conditions === 'string') continue
  const entry = `viur-session${name.slice(1)}`
  const module = await import(entry).catch((error) => {
    // This app has not installed that framework.
    assert.equal(error.code, 'ERR_MODULE_NOT_FOUND', entry)
    return null
  })
  if (module === null) continue
  const names = (one) => Object.keys(one).filter((key) => !['default', 'module.exports'].includes(key)).sort()
  assert.equal(require(entry)[names(module)[0]], module[names(module)[0]], entry)
  assert.deepEqual(names(require(`./node_modules/viur-session/${conditions.require}`)), names(module), entry)
}
JS
cat > readme.mjs <<'JS'
// The first example of the README, as a user would paste it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'

const [, example] = /```js\n([\s\S]*?)```/.exec(readFileSync(process.argv[2], 'utf8'))
writeFileSync('app.mjs', example)
const probe = createServer().listen(0, '127.0.0.1')
await new Promise((resolve) => probe.once('listening', resolve))
const { port } = probe.address()
await new Promise((resolve) => probe.close(resolve))
const app = spawn(process.execPath, ['app.mjs'], { env: { ...process.env, PORT: String(port) }, stdio: 'inherit' })
const url = `http://127.0.0.1:${port}/`
try {
  let first
  for (let tries = 0; first === undefined; tries++) {
    first = await fetch(url).catch((error) => {
      if (tries > 100) throw error
      return new Promise((resolve) => setTimeout(resolve, 50))
    })
  }
  assert.equal(await first.text(), '__guest__: 1\n')
  const cookie = first.headers.getSetCookie()[0].split(';')[0]
  const account = `${url}account`
  assert.equal((await fetch(account)).status, 401)
  const sent = await fetch(account, { headers: { accept: 'text/html', cookie }, redirect: 'manual' })
  assert.equal(sent.status, 303)
  const form = new URL(sent.headers.get('location'), url)
  assert.match(await (await fetch(form)).text(), /^<form method="post">/)
  const login = await fetch(form, { method: 'POST', headers: { cookie }, redirect: 'manual' })
  assert.equal(login.status, 303)
  assert.equal(login.headers.get('location'), '/account')
  const fresh = login.headers.getSetCookie()[0].split(';')[0]
  assert.equal(await (await fetch(url, { headers: { cookie: fresh } })).text(), 'alice: 2\n')
  assert.equal(await (await fetch(account, { headers: { cookie: fresh } })).text(), 'Only for you, alice\n')
  assert.equal(await (await fetch(url, { headers: { cookie } })).text(), '__guest__: 1\n')
} finally {
  app.kill()
}
JS
cat > use.ts <<'TS'
// An app that has @types/express-session, with the library check on.
import express from 'express'
import session from 'express-session'
import { cleanupRoutes, DatastoreSessionStore, localOnly } from 'viur-session/express-session'

declare module 'express-session' {
  interface SessionData {
    user?: string
    views?: number
  }
}
const store = new DatastoreSessionStore({ userOf: (data) => data.user, lifetime: '2h' })
const options: session.SessionOptions = { store, secret: 's', resave: false, saveUninitialized: false }
export const app = express().use(session(options))
app.use('/session', cleanupRoutes(store.sessions, { caller: localOnly() }))
app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(String(req.session.views))
})
export const found: Promise<session.SessionData | null> = store.get('id')
store.set('id', { cookie: new session.Cookie() }, (error) => console.log(error))
store.destroy('id')
TS
cat > tsconfig.json <<'JSON'
{ "compilerOptions": { "strict": true, "module": "nodenext", "target": "es2023", "lib": ["es2023", "es2024.string"], "types": ["node"], "noEmit": true, "skipLibCheck": false }, "files": ["use.ts", "use.mts"] }
JSON
# An app without "type" is CommonJS; a copy with the extension .mts is an ES module.
cp use.ts use.mts
"$root/node_modules/.bin/tsc" -p tsconfig.json
for node in "${nodes[@]}"; do
  echo "package: on Node $("$node" --version)"
  "$node" copies.mjs
  "$node" use.mjs
  "$node" readme.mjs "$root/README.md"
  PATH="$(dirname "$(command -v "$node")"):$PATH" npx --no-install viur-session --help | grep -q '^Usage: viur-session'
  "$node" --disable-warning=ExperimentalWarning use.cjs
  # The CommonJS build, which otherwise only Jest and bundlers use.
  "$node" --no-experimental-require-module use.cjs
done

echo "package: @viur-session/cloud-tasks-server in a scratch app"
mkdir "$scratch/server"
cd "$scratch/server"
echo '{ "name": "scratch", "private": true, "type": "module" }' > package.json
npm install --silent --no-audit --no-fund --no-package-lock "$server_tarball" "$tarball" @types/node
cat > command.js <<'JS'
// The command and the client as in the README.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const app = createServer((req, res) => res.end()).listen(0, '127.0.0.1')
await once(app, 'listening')
const args = ['node_modules/.bin/cloud-tasks-server', '0', `http://127.0.0.1:${app.address().port}`]
const command = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
const [, port] = /^Cloud Tasks server on 127\.0\.0\.1:(\d+)\n$/.exec(String((await once(command.stdout, 'data'))[0]))
const readme = readFileSync('node_modules/@viur-session/cloud-tasks-server/README.md', 'utf8')
const [, example] = /```js\n(import \{ CloudTasksClient \}[\s\S]*?)```/.exec(readme)
const source = `${example.replace('8123', port)}\nexport { client }`
const { client } = await import(`data:text/javascript,${encodeURIComponent(source.replaceAll(/from '([^']+)'/g, (_, name) => `from '${import.meta.resolve(name)}'`))}`)
const got = once(app, 'request')
await client.createTask({
  parent: client.queuePath('any', 'here', 'mail'),
  task: { appEngineHttpRequest: { relativeUri: '/work', body: Buffer.from('x').toString('base64') } },
})
const [request] = await got
assert.equal(request.url, '/work')
assert.equal(request.headers['x-appengine-queuename'], 'mail')
await client.close()
app.close()
command.kill()
assert.deepEqual(await once(command, 'exit'), [0, null])
JS
cat > types.ts <<'TS'
// Uses the newest types of Node, not those of the build.
import { cloudTasksServer, type TokenSigner } from '@viur-session/cloud-tasks-server'

const server = await cloudTasksServer({ queues: { mail: { maxAttempts: 5 } } })
export const keys: TokenSigner['jwks'] = server.tokens.jwks
await server.stop()
TS
cat > use.cjs <<'JS'
const { cloudTasksServer, CloudTasksServerError } = require('@viur-session/cloud-tasks-server')
const assert = require('node:assert/strict')

assert.rejects(cloudTasksServer({ port: -1 }), CloudTasksServerError)
JS
cp "$scratch/app/tsconfig.json" tsconfig.json
sed -i.old 's/"use\.ts", "use\.mts"/"types.ts"/' tsconfig.json
"$root/node_modules/.bin/tsc" -p tsconfig.json
for node in "${nodes[@]}"; do
  METADATA_SERVER_DETECTION=none "$node" command.js
  "$node" --disable-warning=ExperimentalWarning use.cjs
done
echo "package: fine"
