import assert from 'node:assert/strict'
import { MAX_PAYLOAD_BYTES } from '../../record/limits.ts'
import type { SessionRecord } from '../../record/record.ts'
import { sampleRecord } from '../sample-record.ts'
import {
  applied,
  assertAbsent,
  assertRefused,
  assertStored,
  type ContractCase,
  insert,
  stored,
  update,
} from './case.ts'

const TIME = Date.UTC(2030, 0, 1, 12, 34, 56, 789)

/** Records that the store must return unchanged. */
const TAKEN: Readonly<Record<string, () => SessionRecord>> = {
  'a guest': () => sampleRecord(),
  'a user who logged in': () =>
    sampleRecord({
      user: 'alice',
      created: TIME,
      lastSeen: TIME + 1,
      authenticated: TIME,
      expires: TIME + 2,
    }),
  'a session that ended': () => sampleRecord({ ended: TIME, reason: 'killed' }),
  'an expiry when the browser closes': () => sampleRecord({ expiry: { kind: 'browser' } }),
  'an expiry of its own': () => sampleRecord({ expiry: { kind: 'idle', duration: 1_234_567 } }),
  'a fixed expiry': () => sampleRecord({ expiry: { kind: 'fixed', at: TIME + 999 } }),
  'times at the epoch': () =>
    sampleRecord({ created: 0, lastSeen: 0, authenticated: 0, expires: 0, ended: 0 }),
  'times in the year 9999': () => sampleRecord({ expires: Date.UTC(9999, 11, 31) }),
  'an empty payload': () => sampleRecord({ data: '' }),
  'a payload of all kinds of characters': () =>
    sampleRecord({
      data: 'line\nbreak\ttab\0NUL "quotes" \\ ñ e\u0301 日本 🙂 \u2028\u202e\ufeff\uffff',
    }),
  'a payload of the largest size': () => sampleRecord({ data: 'x'.repeat(MAX_PAYLOAD_BYTES) }),
  'a payload of the largest size in characters of four bytes': () =>
    sampleRecord({ data: '🙂'.repeat(MAX_PAYLOAD_BYTES / 4) }),
  'a static key and the hints of a client': () =>
    sampleRecord({
      user: 'alice',
      authenticated: TIME,
      staticKey: '3q2-7wAB_'.padEnd(43, 'x'),
      client: { agent: 'Brow"ser/1.0 (日本 🙂)', address: '2001:db8:1::' },
    }),
  'the fences of a login': () =>
    sampleRecord({ user: 'alice', authenticated: TIME, fence: TIME, fenceAll: TIME + 1 }),
  'the life of one whose id came from outside': () =>
    sampleRecord({ outside: true, life: 'A-_9'.repeat(4) }),
  'the marks of writes before the last': () =>
    sampleRecord({ revs: Array.from({ length: 7 }, (_, index) => `A-_${index}`.repeat(4)) }),
  'the fence of a user alone': () => sampleRecord({ user: 'alice', fence: 1 }),
  'properties of the app': () =>
    sampleRecord({ properties: { tenant: 'acme', Plan_2: 'ü\0日本 🙂', empty: '' } }),
  'a property of 1,500 bytes': () => sampleRecord({ properties: { tenant: 'ü'.repeat(750) } }),
  'a client of the longest agent and no address': () =>
    sampleRecord({ client: { agent: '日'.repeat(256) } }),
  'a client of an address alone': () => sampleRecord({ client: { address: '192.0.2.0' } }),
  'a user of 1,500 bytes': () => sampleRecord({ user: 'ü'.repeat(750) }),
  'a user of all kinds of characters': () => sampleRecord({ user: 'a\0b\n"c" 日本 🙂 __key__' }),
}

const TOO_LARGE: Readonly<Record<string, Partial<SessionRecord>>> = {
  'a payload of one byte too many': { data: 'x'.repeat(MAX_PAYLOAD_BYTES + 1) },
  'a payload of few characters and too many bytes': {
    data: '🙂'.repeat(MAX_PAYLOAD_BYTES / 4 + 1),
  },
}

/** Records that every store must refuse. */
const REFUSED: Readonly<Record<string, Partial<SessionRecord>>> = {
  ...TOO_LARGE,
  'a user of 1,501 bytes': { user: 'x'.repeat(1501) },
  'a user of 1,502 bytes in 751 characters': { user: 'ü'.repeat(751) },
  'a user without a name': { user: '' },
  'a user that is not well-formed': { user: 'a\ud800' },
  'a static key that is not well-formed': { staticKey: 'a\ud800' },
  'a static key of 1,501 bytes': { staticKey: 'x'.repeat(1501) },
  'the agent of a client that is not well-formed': { client: { agent: 'a\ud800' } },
  'the agent of a client of 1,501 bytes': { client: { agent: 'x'.repeat(1501) } },
  'a life that is not well-formed': { life: 'a\ud800' },
  'a life of 1,501 bytes': { life: 'x'.repeat(1501) },
  'a property of 1,501 bytes': { properties: { tenant: 'x'.repeat(1501) } },
  'a property that is not well-formed': { properties: { tenant: 'a\ud800' } },
  'a property with the name of one of ours': { properties: { user: 'x' } },
  'a property with a name that Datastore keeps to itself': { properties: { __key__: 'x' } },
  'a fence below 0': { fence: -1 },
  'a fence that is not whole': { fenceAll: 0.5 },
  'a time before 1970': { created: -1 },
  'a time after the year 9999': { expires: Date.UTC(10_000, 0, 1) },
  'a time that is no number': { lastSeen: Number.NaN },
  'a time that is not whole': { authenticated: 0.5 },
  'a fixed expiry after the year 9999': { expiry: { kind: 'fixed', at: Date.UTC(10_000, 0, 1) } },
}

/** Cases for records: those that a store must keep, and those that it must refuse before it sends anything. */
export const recordCases: readonly ContractCase[] = [
  ...Object.entries(TAKEN).map(
    ([what, make]): ContractCase => ({
      name: `gives back ${what} as it was inserted, and as it was updated`,
      async run(store) {
        const record = make()
        const version = await insert(store, record)
        await assertStored(store, record, version)
        const updated: SessionRecord = { ...make(), key: record.key }
        await assertStored(store, updated, await update(store, updated, version))
      },
    }),
  ),
  {
    name: 'removes a property that an update sets to null',
    async run(store) {
      const record = sampleRecord({
        user: 'alice',
        authenticated: TIME,
        expiry: { kind: 'idle', duration: 1000 },
        ended: TIME,
        reason: 'logout',
      })
      const version = await insert(store, record)
      const updated = { ...record, authenticated: null, expiry: null, ended: null, reason: null }
      await assertStored(store, updated, await update(store, updated, version))
    },
  },
  {
    name: 'removes a static key and client hints that an update leaves out or sets to null',
    async run(store) {
      const full = { staticKey: 'x'.repeat(43), client: { agent: 'a' } }
      for (const without of [{}, { staticKey: null, client: null }]) {
        const record = sampleRecord()
        const version = await insert(store, { ...record, ...full })
        await update(store, { ...record, ...without }, version)
        const { staticKey = null, client = null } = (await stored(store, record.key)).record
        assert.deepEqual({ staticKey, client }, { staticKey: null, client: null })
      }
    },
  },
  {
    name: 'removes properties of the app that an update leaves out, and stores those that it has',
    async run(store) {
      const record = sampleRecord({ properties: { tenant: 'acme', plan: 'gold' } })
      const version = await insert(store, record)
      const updated = { ...record, properties: { plan: 'silver' } }
      const second = await update(store, updated, version)
      await assertStored(store, updated, second)
      const { properties: _, ...without } = record
      const third = await update(store, without, second)
      await assertStored(store, without, third)
    },
  },
  {
    name: 'keeps properties of a later release through an update',
    async run(store) {
      const record = sampleRecord({
        extra: { later: { stringValue: 'kept', excludeFromIndexes: true } },
      })
      await insert(store, record)
      const found = await stored(store, record.key)
      // A store that does not know such properties returns none, and cannot lose them.
      if (found.record.extra === undefined) return
      assert.ok('later' in found.record.extra)
      await update(store, { ...found.record, user: 'alice' }, found.version)
      assert.deepEqual((await stored(store, record.key)).record.extra, found.record.extra)
    },
  },
  ...Object.entries(REFUSED).map(
    ([what, wrong]): ContractCase => ({
      name: `refuses ${what}, and keeps working`,
      async run(store) {
        const code = what in TOO_LARGE ? 'ERR_SESSION_TOO_LARGE' : 'ERR_SESSION_VALUE'
        const { key } = sampleRecord()
        await assertRefused(
          () => store.write({ kind: 'insert', record: sampleRecord({ ...wrong, key }) }),
          code,
        )
        await assertAbsent(store, key)
        const record = sampleRecord({ key })
        const version = await insert(store, record)
        await assertRefused(
          () => store.write({ kind: 'update', record: { ...record, ...wrong }, version }),
          code,
        )
        await assertStored(store, record, version)
      },
    }),
  ),
  {
    name: 'applies the valid records that are written beside a refused one',
    async run(store) {
      const good = Array.from({ length: 12 }, () => sampleRecord())
      const bad = Object.values(REFUSED).map((wrong) => sampleRecord(wrong))
      const [written, refused] = await Promise.all([
        Promise.all(good.map((record) => store.write({ kind: 'insert', record }))),
        Promise.allSettled(bad.map((record) => store.write({ kind: 'insert', record }))),
      ])
      for (const [index, record] of good.entries()) {
        const result = written[index]
        assert.ok(result !== undefined)
        await assertStored(store, record, applied(result))
      }
      assert.ok(refused.every(({ status }) => status === 'rejected'))
      for (const { key } of bad) await assertAbsent(store, key)
    },
  },
]
