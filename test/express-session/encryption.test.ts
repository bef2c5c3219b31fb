import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { STORE_KINDS } from '../setup/stores.ts'
import { counted, site } from './harness.ts'

const A = { id: 'a', key: randomBytes(32) }
const B = { id: 'b', key: randomBytes(32) }

describe.each(STORE_KINDS)('DatastoreSessionStore with encryption, on $name', (kind) => {
  it('stores no part of a session unencrypted, including its cookie', async () => {
    const below = counted(kind)
    const app = await site({ below, store: { encryption: { keys: [A] } } })
    await app.get('/set?secret=hunter2')
    expect((await app.get('/read')).body).toBe('{"secret":"hunter2"}')
    await app.get('/set?other=1')
    expect((await app.get('/read')).body).toBe('{"secret":"hunter2","other":"1"}')
    const { entries } = await below.page({ by: 'all' }, { limit: 10 })
    expect(entries).toHaveLength(1)
    expect(entries[0]?.record?.data).toMatch(/^2 sealed a /)
  })

  it('merges, renews and rotates as without encryption', async () => {
    const below = counted(kind)
    const older = await site({ below, store: { encryption: { keys: [A] } } })
    await older.get('/set?a=1')
    const app = await site({ below, store: { encryption: { keys: [B, A] } } })
    const cookies = { jar: older.jar }
    const slow = await app.held('/set?b=2', older.jar)
    await app.get('/set?c=3', cookies)
    await slow.finish()
    expect(JSON.parse((await app.get('/read', cookies)).body)).toEqual({ a: '1', b: '2', c: '3' })
    const { entries } = await below.page({ by: 'all' }, { limit: 10 })
    expect(entries[0]?.record?.data).toMatch(/^2 sealed b /)
    const failed = await older.get('/read')
    expect([failed.status, older.errors]).toMatchObject([500, [{ code: 'ERR_SESSION_STORE' }]])
  })
})
