import { describe, expect, it } from 'vitest'
import { SessionStoreError } from '../../src/index.ts'
import { codeOf, frameworks } from './helpers.ts'
import { ANN, type BridgeOptions, type PassportSite, passportSite } from './passport-harness.ts'

type Routes = NonNullable<BridgeOptions['routes']>

const OUTAGE = new SessionStoreError('down', { effect: 'none', retryable: false })

/** Handlers that start work and answer in the same turn. */
const routes: Routes = {
  '/in': (req, res) => {
    req.login(ANN, {}, () => {})
    res.redirect('/')
  },
  '/out': (req, res) => {
    req.logout({}, () => {})
    res.redirect('/')
  },
  '/out-and-500': (req, res) => {
    req.logout({}, () => {})
    res.status(500).send('broken')
  },
  '/in-and-500': (req, res) => {
    req.login(ANN, {}, () => {})
    res.status(500).send('broken')
  },
  '/destroy': (req, res) => {
    req.session.destroy(() => {})
    res.redirect('/')
  },
  '/throws': (req) => {
    req.login(ANN, {}, () => {
      throw new Error('in the callback')
    })
  },
  '/set': (req, res) => {
    req.session['seen'] = true
    res.send('set')
  },
}

describe.each(
  frameworks.flatMap(([name, express]) =>
    (['eager', 'lazy'] as const).map((load) => [name, load, express] as const),
  ),
)('%s, %s: Passport, answered before it has called back', (_name, load, express) => {
  const site = (options: BridgeOptions = {}): Promise<PassportSite> =>
    passportSite({ express, load, routes, ...options })

  it('req.login() logs in before the response is sent', async () => {
    const browser = (await site()).visitor()
    expect((await browser.ask('POST', '/in')).status).toBe(302)
    expect(await browser.home()).toMatchObject({ user: 'ann', session: 'u-ann' })
  })

  it('req.logout() logs out before the response is sent', async () => {
    const browser = (await site()).visitor()
    await browser.login('ann')
    const old = browser.cookie()
    expect((await browser.ask('POST', '/out')).status).toBe(302)
    expect(await browser.home(old)).toMatchObject({ user: null, session: '__guest__' })
    expect(browser.cookie()).toBe('')
  })

  it('req.session.destroy() ends the session before the response is sent', async () => {
    const browser = (await site()).visitor()
    await browser.login('ann')
    const old = browser.cookie()
    expect((await browser.ask('POST', '/destroy')).status).toBe(302)
    expect(await browser.home(old)).toMatchObject({ user: null, session: '__guest__' })
  })

  it('a logout stays valid when the response is a server error', async () => {
    const browser = (await site()).visitor()
    await browser.login('ann')
    const old = browser.cookie()
    expect(await browser.ask('POST', '/out-and-500')).toMatchObject({ status: 500, body: 'broken' })
    expect(await browser.home(old)).toMatchObject({ user: null, session: '__guest__' })
  })

  it('a login has no effect when the response is a server error, and the guest keeps the session', async () => {
    const browser = (await site()).visitor()
    await browser.ask('GET', '/set')
    const before = browser.cookie()
    expect(await browser.ask('POST', '/in-and-500')).toMatchObject({ status: 500, body: 'broken' })
    expect(browser.cookie()).toBe(before)
    expect(await browser.home()).toEqual({ user: null, session: '__guest__', data: { seen: true } })
  })

  it('a user that cannot be serialized is the error of the request, and the guest is not logged in', async () => {
    const { errors, visitor } = await site({
      serialize: () => {
        throw new Error('no id')
      },
    })
    const browser = visitor()
    await browser.ask('GET', '/set')
    const before = browser.cookie()
    expect((await browser.ask('POST', '/in')).status).toBe(500)
    expect(errors.map(String)).toEqual(['Error: no id'])
    expect(browser.cookie()).toBe(before)
    expect(await browser.home()).toEqual({ user: null, session: '__guest__', data: { seen: true } })
  })

  it.each(['/in', '/out', '/destroy'])(
    'a store that is down is the error of the request: %s',
    async (path) => {
      const { store, errors, visitor } = await site()
      const browser = visitor()
      await browser.login('ann')
      const restore = store.failAlways('before', { method: 'writeTogether', error: OUTAGE })
      const writing = store.failAlways('before', { method: 'write', error: OUTAGE })
      expect((await browser.ask('POST', path)).status).toBe(500)
      restore()
      writing()
      expect(errors.map(codeOf)).toContain('ERR_SESSION_STORE')
      expect(await browser.home()).toMatchObject({ user: 'ann', session: 'u-ann' })
    },
  )

  it('an error thrown by a callback is an error of the request', async () => {
    const { errors, visitor } = await site()
    expect((await visitor().ask('POST', '/throws')).status).toBe(500)
    expect(errors.map(String)).toEqual(['Error: in the callback'])
  })
})
