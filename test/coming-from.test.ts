import { readdirSync, readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import * as middleware from '../src/express/index.ts'
import * as core from '../src/index.ts'
import * as migrate from '../src/migrate/index.ts'
import * as datastore from '../src/store/datastore/index.ts'
import { cookieJar } from '../src/testing/index.ts'
import { uniqueSpace } from './setup/stores.ts'

// Their types conflict with those of our middleware: both declare `req.session`.
const untyped = (name: string): Promise<unknown> => import(name)
const expressSession = (await untyped('express-session')) as object
const { DatastoreSessionStore } = (await untyped('../src/express-session/index.ts')) as {
  DatastoreSessionStore: new (options: object) => { close(): Promise<void> }
}

const folder = new URL('../docs/coming-from/', import.meta.url)
const host = process.env['DATASTORE_EMULATOR_HOST']

/** The blocks of a page with code for this package: those that create an app, and snippets that use one. */
function blocksOf(page: string): { readonly apps: string[]; readonly snippets: string[] } {
  const text = readFileSync(new URL(page, folder), 'utf8')
  const all = [...text.matchAll(/^```js\n([\s\S]+?)^```/gm)].filter(
    ({ index }) => !/There\b[^\n]*\n+$/.test(text.slice(0, index)),
  )
  const blocks = all.map(([, code = '']) => code)
  const isApp = (code: string): boolean => code.includes('const app = express()')
  return { apps: blocks.filter(isApp), snippets: blocks.filter((code) => !isApp(code)) }
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** The modules that the pages import. The stores use their own namespace of the emulator. */
function modules(): Record<string, object> {
  const place = { projectId: 'viur-session-test', namespace: uniqueSpace() }
  return {
    express: { default: express },
    'express-session': expressSession,
    'viur-session': core,
    'viur-session/express': middleware,
    'viur-session/migrate': migrate,
    'viur-session/datastore': {
      datastoreStore(options: datastore.DatastoreStoreOptions) {
        const store = datastore.datastoreStore({ ...options, ...place })
        closing.push(() => store.close())
        return store
      },
    },
    'viur-session/express-session': {
      DatastoreSessionStore: class extends DatastoreSessionStore {
        constructor(options: object) {
          super({ ...options, ...place })
          closing.push(() => this.close())
        }
      },
    },
  }
}

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (...args: unknown[]) => Promise<unknown>

/** Follows the code of an app, and returns the objects that it created. */
const GIVES = "return { app, sessions: typeof sessions === 'undefined' ? null : sessions }"

/** Runs a block like a module of the app. */
async function run(code: string, given: Record<string, unknown>): Promise<unknown> {
  const body = code
    .replace(/^import (\w+) from ('.+')$/gm, 'const { default: $1 } = modules[$2]')
    .replace(/^import (\{.+\}) from ('.+')$/gm, 'const $1 = modules[$2]')
    .replace(/await import\((.+?)\)/g, 'modules[$1]')
  const end = given['session'] === undefined ? GIVES : ''
  const all = {
    modules: modules(),
    process: { env: { SESSION_SECRET: 'a secret that is long enough to sign with' } },
    ...given,
  }
  return new AsyncFunction(...Object.keys(all), `'use strict'\n${body}\n${end}`)(
    ...Object.values(all),
  )
}

interface Made {
  readonly app: Express
  readonly sessions: core.Sessions<Record<string, unknown>> | null
}

const pages = readdirSync(folder).filter((name) => name.endsWith('.md'))
const apps = pages.flatMap((page) => blocksOf(page).apps.map((code, at) => ({ page, at, code })))
const snippets = pages.flatMap((page) =>
  blocksOf(page).snippets.map((code, at) => ({ page, at, code, app: blocksOf(page).apps[0] })),
)

describe.skipIf(host === undefined)('the code of the pages about coming from other systems', () => {
  it('exists on each page', () => {
    expect(new Set(apps.map(({ page }) => page))).toEqual(new Set(pages))
    expect(snippets.length).toBeGreaterThan(5)
  })

  it.each(apps)('counts, logs in and logs out: $page $at', async ({ code }) => {
    const { app } = (await run(code, {})) as Made
    const server: Server = await new Promise((resolve) => {
      const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
    })
    closing.unshift(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const jar = cookieJar()
    const ask = async (path: string, method = 'GET') => {
      const headers = { cookie: jar.header(url) ?? '', 'sec-fetch-site': 'same-origin' }
      const response = await fetch(url + path, { method, headers })
      jar.set(response.headers.getSetCookie(), url)
      return { status: response.status, body: await response.text() }
    }
    expect((await ask('/')).body).toBe('1')
    expect((await ask('/')).body).toBe('2')
    expect(await ask('/login', 'POST')).toEqual({ status: 200, body: 'alice' })
    expect((await ask('/')).body).toBe('3')
    expect((await ask('/logout', 'POST')).status).toBe(204)
    expect(jar.header(url)).toBeUndefined()
    expect((await ask('/')).body).toBe('1')
  })

  it.each(snippets)('does what it shows: $page, snippet $at', async ({ code, app = '' }) => {
    const events = app.replace('createSessions({', 'createSessions({ events: true,')
    const { sessions } = (await run(events, {})) as Made
    if (sessions === null) throw new Error('the page has no sessions')
    const open = sessions.open({ secure: true })
    await (await open.load()).login('alice')
    open.set('total', 1)
    await open.save()
    await expect(run(code, { sessions, session: open, key: open.key })).resolves.toBeUndefined()
  })
})
