import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { viurCoreSessions } from '../../src/migrate/index.ts'
import { Move, PROGRAMS, text, VIUR_COOKIE, viurEntity, viurId } from './harness.ts'

const ID = viurId('sealedSession')
const COOKIE = `${VIUR_COOKIE}=${ID}`
const KIND = 'viur-session'

describe.each(PROGRAMS)('an old session on the %s', (_, host) => {
  describe.skipIf(host === undefined)('with options of the new app', () => {
    for (const sideBySide of [false, true]) {
      it(`is encrypted from its first write on, side by side: ${sideBySide}`, async () => {
        const legacy = viurCoreSessions({ cookie: VIUR_COOKIE, sideBySide })
        const encryption = { keys: [{ id: 'a', key: randomBytes(32) }] }
        const move = await Move.at<Record<string, unknown>>(host as string, legacy, { encryption })
        await move.put(KIND, ID, viurEntity({ lang: text('hunter2') }, move.clock.now()))
        const app = move.process()
        const { cookie } = await move.visit(app, COOKIE, (session) => session.set('views', 1))
        const { cookie: later } = await move.visit(app, cookie, (session) =>
          session.set('views', 2),
        )
        await move.visit(app, later, (session) => {
          expect(Object.fromEntries(session)).toEqual({ lang: 'hunter2', views: 2 })
        })
        expect(app.client.sent.join()).toMatch(/2 sealed a /)
        expect(app.client.sent.join()).not.toMatch(/hunter2/)
        const plain = move.process({ encryption: { keys: [{ id: 'b', key: randomBytes(32) }] } })
        await expect(plain.open(later).load()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
      })
    }

    it('may be converted to values of types of the app', async () => {
      const types = {
        URL: {
          is: (value: unknown) => value instanceof URL,
          encode: String,
          decode: (plain: unknown) => new URL(plain as string),
        },
      }
      const legacy = viurCoreSessions({
        cookie: VIUR_COOKIE,
        convert: ({ user, data }) => ({ user, data: { home: new URL(data['home'] as string) } }),
      })
      const move = await Move.at<Record<string, unknown>>(host as string, legacy, { types })
      const home = text('https://example.com/')
      await move.put(KIND, ID, viurEntity({ home }, move.clock.now()))
      const app = move.process()
      const { cookie } = await move.visit(app, COOKIE, (session) => {
        expect(session.get('home')).toEqual(new URL('https://example.com/'))
        session.set('views', 1)
      })
      await move.visit(app, cookie, (session) => {
        expect(session.get('home')).toEqual(new URL('https://example.com/'))
      })
    })
  })
})
