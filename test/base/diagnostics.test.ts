import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, it } from 'vitest'
import { Harness, MINUTE } from '../request/harness.ts'

it('the log of troubles that any client can cause is limited, and the channels are not', async () => {
  const app = new Harness<Record<string, unknown>>()
  let told = 0
  const hear = (): void => {
    told += 1
  }
  subscribe('viur-session:key-refused', hear)
  const session = await app.load(await app.given())
  for (let at = 0; at < 100; at++) session.validateStaticSecurityKey('x')
  expect(app.log).toHaveLength(60)
  app.clock.advance(MINUTE)
  session.validateStaticSecurityKey('x')
  unsubscribe('viur-session:key-refused', hear)
  expect(app.log).toHaveLength(61)
  expect(told).toBe(101)
})
