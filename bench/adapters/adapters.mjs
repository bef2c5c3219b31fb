/**
 * Measures what each adapter adds to a page that reads: viur-session on its memory store, compared with the bare
 * framework and with the usual session package of that framework.
 *
 *   node bench/adapters/adapters.mjs [--quick]
 */
import { fileURLToPath } from 'node:url'
import { startApp } from '../lib/app-process.mjs'
import { ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace } from '../lib/parts.mjs'
import { aims, quick, report, say } from '../lib/report.mjs'
import { measure } from '../throughput/rounds.mjs'

const server = fileURLToPath(new URL('server.mjs', import.meta.url))
const FRAMEWORKS = {
  express: { title: 'Express', rival: 'express-session' },
  http: { title: 'plain http', rival: 'iron-session' },
  koa: { title: 'Koa', rival: 'koa-session' },
  hono: { title: 'Hono', rival: 'hono-sessions' },
  fastify: { title: 'Fastify', rival: '@fastify/session' },
}
const KINDS = ['bare', 'ours', 'rival']
const rounds = quick ? 1 : 5
const seconds = quick ? 0.3 : 0.6
const cell = { name: '/read', page: '/read', query: 'bytes=500', connections: 64 }

const found = []
for (const [framework, { title, rival }] of Object.entries(FRAMEWORKS)) {
  const apps = []
  try {
    for (const kind of KINDS) {
      apps.push(await startApp(`${framework} ${kind}`, freshNamespace(), { server }))
    }
    say(title)
    const result = await measure(apps, [cell], { rounds, seconds })
    const [bare, ours, other] = apps.map((app) => result(cell, app))
    found.push({ title, rival, bare, ours, other })
  } finally {
    for (const app of apps) await app.stop()
  }
}

aims(
  'adapters',
  found.map(({ title, rival, ours, other }) => ({
    what: `${title}, page that reads one key: requests per second, times ${rival}`,
    limit: 1,
    now: ours.perSecond / other.perSecond,
    atLeast: true,
  })),
)
report('adapters', [
  `A page that reads one key. Median of ${rounds} rounds of ${seconds} s over 64 connections, the three taking turns, 0.5 KB of data, no database: sessions in the memory of the app, and in the cookie with iron-session. Koa goes by \`withSession()\` of \`viur-session/node\`.`,
  'Requests per second.',
  table(
    [
      '',
      'no session',
      'viur-session',
      'its usual sessions',
      '',
      'of no session',
      'times the usual',
    ],
    found.map(({ title, rival, bare, ours, other }) => [
      title,
      show(bare.perSecond),
      show(ours.perSecond),
      show(other.perSecond),
      rival,
      ratio(ours.perSecond, bare.perSecond),
      `**${ratio(ours.perSecond, other.perSecond)}**`,
    ]),
  ),
  'Processor time of the app for one request, ms.',
  table(
    ['', 'no session', 'viur-session', 'its usual sessions'],
    found.map(({ title, bare, ours, other }) => [
      title,
      ...[bare, ours, other].map(({ cpu }) => cpu.toFixed(3)),
    ]),
  ),
])
