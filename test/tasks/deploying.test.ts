import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uniqueSpace } from '../setup/stores.ts'
import { type PageFolder, pageFolder } from './page-app.ts'

const host = process.env['DATASTORE_EMULATOR_HOST']

/** The variables that the platform and the second deployment set. */
const PAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'app-engine': { CLOUD_TASKS_LOCATION: 'europe-west1' },
  'cloud-run': deployed(),
  'cloud-run-private': deployed(),
}

function deployed(): Record<string, string> {
  return {
    SERVICE_URL: 'https://web.example.com',
    SWEEPER: 'session-sweeper@my-shop.iam.gserviceaccount.com',
    REGION: 'europe-west1',
  }
}

describe.skipIf(host === undefined)('the app of a page on deploying', () => {
  let folder: PageFolder
  beforeAll(() => {
    folder = pageFolder()
  })
  afterAll(() => folder?.remove())

  it.each(Object.entries(PAGES))(
    'serves visitors, and refuses unknown callers of the sweep: %s',
    async (page, more) => {
      const place = { DATASTORE_EMULATOR_HOST: host as string, GOOGLE_CLOUD_PROJECT: uniqueSpace() }
      const app = await folder.startDeployed(`docs/deploying/${page}.md`, { ...place, ...more })
      try {
        expect((await app.ask('/')).body).toBe('__guest__')
        expect((await app.ask('/account')).status).toBe(401)
        // Without a token the caller is unknown (401). App Engine's headers are present or missing (403).
        const refused = page === 'app-engine' ? 403 : 401
        expect((await app.ask('/_sessions/cron')).status).toBe(refused)
        expect((await app.ask('/_sessions/task', { method: 'POST' })).status).toBe(refused)
        expect(app.said()).not.toMatch(/SessionConfigError|SessionStoreError/)
        if (page === 'app-engine') expect((await app.ask('/_ah/warmup')).status).toBe(204)
      } finally {
        app.stop()
      }
    },
  )

  it('accepts the cookie and the origin of Firebase Hosting', async () => {
    const place = { DATASTORE_EMULATOR_HOST: host as string, GOOGLE_CLOUD_PROJECT: uniqueSpace() }
    const hosting = 'docs/deploying/firebase-hosting.md'
    const app = await folder.startDeployed('docs/deploying/cloud-run.md', place, hosting)
    const post = async (origin: string) =>
      (await app.ask('/', { method: 'POST', headers: { origin, 'sec-fetch-site': 'cross-site' } }))
        .status
    try {
      expect((await app.ask('/')).body).toBe('__guest__')
      expect(folder.read('sessions.mjs')).toMatch(/^ .* cookie: \{ name: '__session' \},$/m)
      expect(await post('https://my-shop.web.app')).toBe(404)
      expect(await post('https://evil.example')).toBe(403)
    } finally {
      app.stop()
    }
    // In the sed of macOS "\n" is the letter n.
    expect(readFileSync(new URL(`../../${hosting}`, import.meta.url), 'utf8')).not.toMatch(
      /^sed .*\\n/m,
    )
  })

  it('serves visitors before the service has an address', async () => {
    const place = { DATASTORE_EMULATOR_HOST: host as string, GOOGLE_CLOUD_PROJECT: uniqueSpace() }
    const app = await folder.startDeployed('docs/deploying/cloud-run.md', place)
    try {
      expect((await app.ask('/')).body).toBe('__guest__')
      expect((await app.ask('/_sessions/cron')).status).toBe(404)
    } finally {
      app.stop()
    }
  })
})
