import session from 'express-session'
import { expect, it } from 'vitest'
import { DatastoreSessionStore } from '../../src/express-session/index.ts'
import { memoryStore } from '../../src/index.ts'
import { hashOfOldId } from '../../src/migrate/old-system.ts'
import { PayloadError } from '../../src/record/payload.ts'

it('a damaged session that cannot be replaced causes an error with its cause', async () => {
  const below = memoryStore()
  const log: string[] = []
  const store = new DatastoreSessionStore({
    store: below,
    logger: { warn: (message) => void log.push(message) },
  })
  const made = (data: object) => ({ cookie: new session.Cookie(), ...data }) as session.SessionData
  await store.set('sid', made({ a: 1 }))
  const found = await below.find(hashOfOldId('sid'))
  if (found === null || found.record === null) throw new Error('it was not stored')
  const record = { ...found.record, data: `${found.record.data}x` }
  await below.write({ kind: 'update', record, version: found.version })
  await expect(store.set('sid', made({ b: 2 }))).rejects.toMatchObject({
    code: 'ERR_SESSION_STORE',
    message: 'the stored session cannot be read: damaged payload',
    cause: expect.any(PayloadError),
  })
  expect(log).toEqual(['a session could not be stored'])
})
