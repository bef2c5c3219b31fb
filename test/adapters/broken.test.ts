import { describe, expect, it } from 'vitest'
import { adapterContract, type ContractRunner } from '../../src/testing/index.ts'
import { adapterWith, type Fault } from './broken-adapter.ts'

/** The cases of the contract, by their names. */
function casesOf(fault: Fault | null, onSkipped?: () => void): Map<string, () => Promise<void>> {
  const cases = new Map<string, () => Promise<void>>()
  const runner: ContractRunner = {
    describe: (_name, body) => body(),
    it: (name, run) => cases.set(name, run),
  }
  void adapterContract(adapterWith(fault, onSkipped), { runner })
  return cases
}

/** The cases that each fault makes fail. */
const FAILS: Readonly<Record<Fault, readonly string[]>> = {
  'sets no cookie': [
    'gives a visitor a cookie, and finds what was stored by it',
    'carries all data to a new id',
    'sends the pieces of a stream as they come, with the cookie',
  ],
  'loads nothing': ['has loaded the session when the page begins'],
  'asks the store once more': [
    'makes no store call for a visitor without a cookie whose page does not use the session',
    'makes one store call for a page that only reads, and sets no cookie',
    'serves pages that do not use the session while the store is down, and no others',
  ],
  'fails for cookies that open nothing': [
    'treats a cookie without a session like no cookie',
    'gives a new id at login, and leaves nothing under the old one',
    'ends the session that a page logs out before it throws',
    'serves pages that do not use the session while the store is down, and no others',
    'reads no cookie of a client that has its session by an id',
  ],
  'keeps one session for all': ['keeps the sessions of simultaneous visitors apart'],
  'refuses requests of one visitor side by side': [
    'keeps the changes of two parallel requests of one visitor',
  ],
  'answers before the commit': [
    'gives a visitor a cookie, and finds what was stored by it',
    'ends the session at logout, and removes the cookie',
    'carries all data to a new id',
    'keeps the sessions of simultaneous visitors apart',
    'holds a page until the session is stored',
    'holds a redirect until the session is stored',
    'stores what a redirect changes for the page that it leads to',
    'holds a stream until the session is stored',
    'sends the pieces of a stream as they come, with the cookie',
    'stores what a page changes that answers with a status below 500',
  ],
  'swallows what comes late': [
    'stores what a stream changes by save(), or refuses it',
    'refuses a login whose cookie could not leave any more',
  ],
  'drops what a POST changes': ['stores what a POST changes'],
  'says nothing of a stored session with HEAD': ['answers HEAD as it answers GET, without a body'],
  'ignores that a commit fails': [
    'answers with an error when the changes of a page cannot be stored',
    'answers with an error and nothing of the page when the store fails the commit',
    'answers with an error and no Location when the commit of a redirect fails',
    'answers with an error when the commit of a stream fails',
  ],
  'tells the commit no status': [
    'stores no changes of a page that answers with a server error',
    'sends no id with an error response',
  ],
  'commits what a page changed that threw': [
    'stores no changes of a page that throws, and keeps working',
  ],
  'forgets a page that threw': ['ends the session that a page logs out before it throws'],
  'fails every page when loading fails': [
    'serves pages that do not use the session while the store is down, and no others',
  ],
  'says its headers for every page': [
    'sends Vary and Cache-Control of a page that does not use the session',
    'sends Vary and Cache-Control of a page that does not use the session and says how it may be cached',
  ],
  'replaces the headers of the app': [
    'sends Vary and Cache-Control of a page that does not use the session and says how it may be cached',
    'sends Vary and Cache-Control of a page that uses the session and says how it may be cached',
    'sends Vary and Cache-Control of a page with our cookie that says how it may be cached',
    'leaves the cookies and headers of the app beside its own',
  ],
  'says no Vary': [
    'sets cookie and headers on a 204',
    'sets cookie and headers on a 304',
    'sends Vary and Cache-Control of a page that uses the session',
    'sends Vary and Cache-Control of a page that uses the session and says how it may be cached',
    'sends Vary and Cache-Control of a page with our cookie',
    'sends a client without cookies its id, and finds the session by it',
  ],
  'lets others say that a page may be stored': [
    'lets no other header say that a page with our cookie may be stored',
  ],
  'takes every connection for loopback': [
    'stores nothing for a request that came over plain http through a proxy',
    'ignores X-Forwarded-Proto unless a proxy is trusted',
    'stores nothing when a trusted proxy says that the request came over plain http',
  ],
  'takes no connection for loopback': ['sets a cookie without Secure over plain http on loopback'],
  'trusts everybody': [
    'ignores X-Forwarded-Proto unless a proxy is trusted',
    'records the address of the connection when no proxy is trusted',
  ],
  'trusts nobody': [
    'sets a Secure cookie when a trusted proxy says that the request came over TLS',
    'records the client address that the trusted proxy saw, and the agent',
  ],
  'knows no agent': ['records the client address that the trusted proxy saw, and the agent'],
  'reads a cookie beside the id': ['reads no cookie of a client that has its session by an id'],
  'hands over no id': [
    'sends a client without cookies its id, and finds the session by it',
    'tells a client without cookies to drop its id at logout',
  ],
  'commits nothing for a client that is gone': [
    'stores what a page has changed when the client is gone by then',
  ],
}

describe('the contract of adapters', () => {
  describe('with an adapter that uses only public methods', () => {
    for (const [name, run] of casesOf(null)) it(name, run)
  })

  describe.each(Object.entries(FAILS) as [Fault, string[]][])(
    'fails an adapter that %s',
    (fault, names) => {
      it.each(names)('%s', async (name) => {
        let skip = (): void => {}
        const skipped = new Promise<void>((_resolve, reject) => {
          skip = () => reject(new Error('it left the commit out'))
        })
        skipped.catch(() => {})
        const run = casesOf(fault, skip).get(name) as () => Promise<void>
        await expect(Promise.race([run(), skipped])).rejects.toThrow()
      })
    },
  )

  it('has a fault for each of its cases', () => {
    const failing = new Set(Object.values(FAILS).flat())
    expect([...casesOf(null).keys()].filter((name) => !failing.has(name))).toEqual([])
  })

  it('refuses unknown names of features', async () => {
    const wrong = async () => await adapterContract(adapterWith(null), { without: ['id'] as never })
    await expect(wrong()).rejects.toThrow('must name some of')
  })

  it('lists the missing features in the name of the suite', () => {
    const suites: string[] = []
    const names: string[] = []
    const runner: ContractRunner = {
      describe: (name, body) => {
        suites.push(name)
        body()
      },
      it: (name) => names.push(name),
    }
    void adapterContract(adapterWith(null), { runner, without: ['ids', 'streams'] })
    expect(suites[0]).toBe('adapter contract: sound (left out: ids, streams)')
    expect(suites).not.toContain('clients without cookies')
    expect(names.filter((name) => name.includes('stream'))).toEqual([])
  })
})
