import { describe, expect, it } from 'vitest'
import type { StoreCall } from '../../src/index.ts'
import { site } from '../setup/site.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { hearEnds } from './hearing.ts'

for (const kind of STORE_KINDS) {
  describe.skipIf(kind.missing !== null)(`calls to the store are published: ${kind.name}`, () => {
    it('all of them, with their outcome, without any change of behaviour', async () => {
      const calls = hearEnds<StoreCall>('store-call')
      const s = await site(kind)
      await s.get('/set/seed')
      await Promise.all(Array.from({ length: 10 }, () => s.get('/read')))
      const slow = await s.held('/set/a')
      await (await site(kind, { beside: s })).get('/set/b')
      await slow.finish()
      expect((await s.read()).data).toEqual({ seed: 'set', a: 'set', b: 'set' })
      await s.get('/login/alice')
      await s.get('/logout')
      s.advance(180)
      await s.sessions.startClearSessions()
      expect(new Set(calls.map(({ outcome }) => outcome))).toEqual(
        new Set(['answered', 'conflict']),
      )
      expect(calls.every(({ duration, requests }) => duration !== null && requests >= 1)).toBe(true)
      expect(calls.some(({ keys }) => keys > 0)).toBe(true)
      for (const { askers, requests } of calls) {
        expect(requests).toBe(Math.max(1, askers.length))
      }
    })
  })
}
