import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { serve, setup } from './helpers.ts'

const VISIT = fileURLToPath(new URL('java/Visit.java', import.meta.url))
const hasJava = spawnSync('java', ['-version']).status === 0

describe.skipIf(!hasJava)(
  `the HTTP clients of Java${hasJava ? '' : ' (no java on this machine)'}`,
  () => {
    describe.each([
      ['a cookie', undefined],
      ['a signed cookie', { secrets: ['a secret that has 32 bytes or more'] }],
    ])('%s', (_what, cookie) => {
      it.each(['HttpClient', 'HttpURLConnection'])('%s keeps its session', async (client) => {
        const { sessions, store } = setup(cookie === undefined ? {} : { cookie })
        const headers: (string | undefined)[] = []
        const { port } = await serve({ express, sessions }, (req, res) => {
          headers.push(req.headers.cookie)
          const views = Number(req.session.get('views') ?? 0) + 1
          req.session.set('views', views)
          res.send(`views=${views}`)
        })
        const { stdout } = await promisify(execFile)(
          'java',
          ['-XX:TieredStopAtLevel=1', VISIT, client, `http://localhost:${port}/`],
          { encoding: 'utf8' },
        )
        expect(stdout.trim().split('\n')).toEqual(['views=1', 'views=2', 'views=3'])
        // Java sends the cookie in this form.
        expect(headers[1]).toMatch(/^\$Version="1"; viur-session="[^"]+";\$Path="\/"/)
        expect(store.calls.length).toBeGreaterThan(0)
      })
    })
  },
)
