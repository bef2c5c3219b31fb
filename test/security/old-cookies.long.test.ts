import { CookieJar as ToughJar } from 'tough-cookie'
import { describe, expect, it } from 'vitest'
import { cookieJar } from '../../src/testing/index.ts'
import { keyOfCookie } from '../request/harness.ts'
import { type Page, type Site, site } from '../setup/site.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'

/** Requests that end the session of alice. */
const ENDS = ['/login/bob', '/logout', '/reset', 'a kill', 'a kill by user'] as const

/** Other requests of the browser with the same cookie, which are under way. */
const PARALLEL = ['/read', '/set/late', '/logout', '/reset', '/login/carol', '/cycleKey'] as const

interface Jar {
  readonly name: string
  set(setCookie: readonly string[], url: string): void
  header(url: string): string | undefined
}

function ourJar(): Jar {
  const jar = cookieJar()
  return {
    name: 'cookieJar()',
    set: (setCookie, url) => jar.set(setCookie, url),
    header: (url) => jar.header(url),
  }
}

function toughJar(): Jar {
  const jar = new ToughJar()
  return {
    name: 'tough-cookie',
    set: (setCookie, url) => {
      for (const cookie of setCookie) jar.setCookieSync(cookie, url)
    },
    header: (url) => jar.getCookieStringSync(url) || undefined,
  }
}

async function end(s: Site, what: (typeof ENDS)[number], cookie: string): Promise<Page | null> {
  if (what === 'a kill') {
    await s.sessions.killSession(keyOfCookie(cookie))
    return null
  }
  if (what === 'a kill by user') {
    await s.sessions.killSessionByUser('alice')
    return null
  }
  return await s.get(what, { jar: s.jarWith(cookie), keep: false })
}

/** Makes both requests with alice's cookie. One ends before the other, or waits with its session loaded meanwhile. */
async function race(
  kind: StoreKind,
  what: (typeof ENDS)[number],
  parallel: string,
  timing: string,
): Promise<{ s: Site; old: string; responses: string[][] }> {
  const s = await site(kind)
  await s.get('/login/alice')
  const old = s.cookie() as string
  // Then the use of a session is recorded, and its cookie renewed.
  s.advance(10)
  let other: Page
  let ended: Page | null
  if (timing === 'stored before') {
    other = await s.get(parallel, { jar: s.jarWith(old), keep: false })
    ended = await end(s, what, old)
  } else {
    const held = await s.held(parallel)
    ended = await end(s, what, old)
    other = await held.finish({ keep: false })
  }
  return { s, old, responses: [other.setCookie, ended?.setCookie ?? []] }
}

/** The users whose session the browser may have at the end. */
function allowed(what: string, parallel: string): Set<string> {
  const users = new Set(['__guest__'])
  if (what === '/login/bob') users.add('bob')
  if (parallel === '/login/carol') users.add('carol')
  // A new id of alice from before the end of the old one belongs to a separate session, which has not ended. Only a kill
  // of all her sessions ends it.
  if (parallel === '/cycleKey' && what !== 'a kill by user') users.add('alice')
  return users
}

describe.each(STORE_KINDS)('the old cookie on $name', (kind) => {
  describe.skipIf(kind.missing !== null).each(ENDS)('after %s', (what) => {
    describe.each(['stored before', 'held until after'])('with a request %s it', (timing) => {
      it.each(PARALLEL)(
        'to %s is nobody, in whichever order the responses land',
        async (parallel) => {
          const { s, old, responses } = await race(kind, what, parallel, timing)
          expect(await s.read(s.jarWith(old))).toEqual({
            user: '__guest__',
            outcome: 'unknown',
            data: {},
          })
          const [first, second] = responses as [string[], string[]]
          const users: string[] = []
          for (const order of [
            [first, second],
            [second, first],
          ]) {
            for (const jar of [ourJar(), toughJar()]) {
              jar.set([`${old}; Path=/; HttpOnly; SameSite=Lax`], s.url)
              for (const setCookie of order) jar.set(setCookie, s.url)
              const { user } = await s.read(s.jarWith(jar.header(s.url)))
              expect(allowed(what, parallel), jar.name).toContain(user)
              users.push(user)
            }
          }
          // Both jars have the same cookies.
          expect([users[0], users[2]]).toEqual([users[1], users[3]])
          if (first.length === 0 && what === '/login/bob')
            expect(users).toEqual(Array(4).fill('bob'))
        },
      )
    })
  })
})
