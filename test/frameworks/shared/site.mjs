// Helpers for the other folders: an app in a separate process, and a browser that visits it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

/** The one of the folder whose tests run. */
const testing = createRequire(join(process.cwd(), 'package.json')).resolve('viur-session/testing')
const { cookieJar } = await import(pathToFileURL(testing).href)

/** The address that browsers use: TLS ends in front of the app. */
const SITE = 'https://site.test'

/** @returns {Promise<number>} */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  await once(server, 'close')
  return port
}

/** Runs a command, which has to succeed. */
export async function run(command, args, env = {}) {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${code}`)
}

/**
 * Starts a server, and waits until its port answers. `{port}` in the arguments is replaced by the port, and the variable
 * `PORT` contains it.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
export async function start(command, args, env = {}) {
  const port = await freePort()
  const child = spawn(
    command,
    args.map((arg) => arg.replace('{port}', String(port))),
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: 'production', PORT: String(port), ...env },
    },
  )
  const said = []
  child.stdout.on('data', (data) => said.push(data))
  child.stderr.on('data', (data) => said.push(data))
  const ended = once(child, 'exit')
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${Buffer.concat(said)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    port,
    /** Its output so far. */
    said: () => String(Buffer.concat(said)),
    async stop() {
      child.kill()
      await ended
    },
  }
}

/** @param {number} port */
async function answers(port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** A visitor's browser with its own cookies. It reaches the app through a proxy that ends TLS. */
export class Browser {
  #port
  #jar = cookieJar()

  /** @param {number} port */
  constructor(port) {
    this.#port = port
  }

  /** The Cookie header of the next request. */
  get cookie() {
    return this.#jar.header(SITE)
  }

  /** An attacker who has a copy of the cookies. */
  copy() {
    const other = new Browser(this.#port)
    other.#jar.set(
      (this.cookie ?? '').split('; ').map((one) => `${one}; Secure; Path=/`),
      SITE,
    )
    return other
  }

  /**
   * Follows no redirect.
   *
   * @param {string} path
   * @param {RequestInit & { headers?: Record<string, string> }} [init]
   */
  async ask(path, init = {}) {
    const { cookie } = this
    const url = `http://127.0.0.1:${this.#port}${path}`
    const asked = new Request(url, { ...init, headers: {} })
    const sent = request(url, {
      method: asked.method,
      headers: {
        accept: 'text/html,*/*;q=0.8',
        host: 'site.test',
        origin: SITE,
        'sec-fetch-site': 'same-origin',
        'x-forwarded-host': 'site.test',
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '203.0.113.9',
        ...Object.fromEntries(asked.headers),
        ...(cookie === undefined ? {} : { cookie }),
        ...init.headers,
      },
    })
    // Not with fetch(), which sets Host itself.
    sent.end(Buffer.from(await asked.arrayBuffer()))
    const [answer] = await once(sent, 'response')
    const headers = new Headers()
    for (let at = 0; at < answer.rawHeaders.length; at += 2) {
      headers.append(answer.rawHeaders[at], answer.rawHeaders[at + 1])
    }
    const setCookie = headers.getSetCookie()
    this.#jar.set(setCookie, SITE)
    const body = await text(answer)
    return {
      status: answer.statusCode,
      location: headers.get('location'),
      headers,
      setCookie,
      body,
      json: () => JSON.parse(body),
    }
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} [fields]
   * @param {Record<string, string>} [headers]
   */
  post(path, fields = {}, headers = {}) {
    return this.ask(path, { method: 'POST', body: new URLSearchParams(fields), headers })
  }
}
