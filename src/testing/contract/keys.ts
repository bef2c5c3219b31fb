import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { SessionErrorCode } from '../../base/errors.ts'
import { keyOf, mintId } from '../../record/id.ts'
import { MAX_KEY_DATA_BYTES, MAX_KEYS_BYTES } from '../../record/limits-security-keys.ts'
import type { SessionStore } from '../../store/store.ts'
import type { SecurityKeyName, SecurityKeyRecord, Version } from '../../record/record.ts'
import { sampleSecurityKey } from '../sample-security-key.ts'
import { assertNotRetryable, assertRefused, type ContractCase, winnerOf } from './case.ts'

const TIME = Date.UTC(2030, 0, 1, 12, 34, 56, 789)

/** Keys that the store must return unchanged. */
const TAKEN: Readonly<Record<string, () => SecurityKeyRecord>> = {
  'a key without a session, a purpose or data': () => sampleSecurityKey(),
  'a key of a session': () => sampleSecurityKey({ session: keyOf(mintId(randomBytes)) }),
  'a purpose of 1,500 bytes': () => sampleSecurityKey({ purpose: 'ü'.repeat(750) }),
  'data of all kinds of characters': () =>
    sampleSecurityKey({
      purpose: 'a\0b "c" 🙂',
      data: 'line\nbreak\0 ñ e\u0301 日本 🙂 \u2028\ufeff',
    }),
  'empty data': () => sampleSecurityKey({ data: '' }),
  'data of the largest size': () => sampleSecurityKey({ data: 'x'.repeat(MAX_KEY_DATA_BYTES) }),
  'times to the millisecond': () => sampleSecurityKey({ created: TIME, expires: TIME + 1 }),
  'times at the epoch': () => sampleSecurityKey({ created: 0, expires: 0 }),
  'times in the year 9999': () => sampleSecurityKey({ expires: Date.UTC(9999, 11, 31) }),
}

/** Keys that every store must refuse. */
const REFUSED: Readonly<Record<string, readonly [Partial<SecurityKeyRecord>, SessionErrorCode]>> = {
  'a name that is no hash': [{ name: 'abc' as SecurityKeyName }, 'ERR_SESSION_VALUE'],
  'a session that is no hash': [{ session: 'abc' as never }, 'ERR_SESSION_VALUE'],
  'a purpose of 1,502 bytes in 751 characters': [{ purpose: 'ü'.repeat(751) }, 'ERR_SESSION_VALUE'],
  'a purpose that is not well-formed': [{ purpose: 'a\ud800' }, 'ERR_SESSION_VALUE'],
  'data that is not well-formed': [{ data: 'a\ud800' }, 'ERR_SESSION_VALUE'],
  'data of one byte too many': [
    { data: 'x'.repeat(MAX_KEY_DATA_BYTES + 1) },
    'ERR_SESSION_TOO_LARGE',
  ],
  'data of few characters and too many bytes': [
    { data: '🙂'.repeat(MAX_KEY_DATA_BYTES / 4 + 1) },
    'ERR_SESSION_TOO_LARGE',
  ],
  'a time before 1970': [{ created: -1 }, 'ERR_SESSION_VALUE'],
  'a time after the year 9999': [{ expires: Date.UTC(10_000, 0, 1) }, 'ERR_SESSION_VALUE'],
  'a time that is not whole': [{ expires: 0.5 }, 'ERR_SESSION_VALUE'],
}

/** Cases for `keys`: security keys, each of which can be used once. */
export const keyCases: readonly ContractCase[] = [
  ...Object.entries(TAKEN).map(
    ([what, make]): ContractCase => ({
      name: `gives back ${what}`,
      async run({ keys }) {
        const records = [make(), make(), make()]
        for (const batch of [records.slice(0, 1), records.slice(1)]) {
          const versions = await insertKeys(keys, batch)
          for (const [at, record] of batch.entries()) {
            const found = await keys.find(record.name)
            assert.deepEqual(found?.record, record)
            assert.equal(found?.version, versions[at])
          }
        }
      },
    }),
  ),
  {
    name: 'finds no key under a name that was never written, or whose key was used',
    async run({ keys }) {
      const record = sampleSecurityKey()
      assert.equal(await keys.find(record.name), null)
      const [version] = await insertKeys(keys, [record])
      assert.equal((await keys.use(record.name, version as Version)).outcome, 'applied')
      assert.equal(await keys.find(record.name), null)
    },
  },
  {
    name: 'applies exactly one of ten parallel uses of a key',
    async run({ keys }) {
      for (let round = 0; round < 3; round++) {
        const record = sampleSecurityKey()
        await insertKeys(keys, [record])
        const uses = await Promise.all(
          Array.from({ length: 10 }, async () => {
            const found = await keys.find(record.name)
            if (found === null) return { outcome: 'conflict' }
            return await keys.use(record.name, found.version)
          }),
        )
        winnerOf(uses)
      }
    },
  },
  {
    name: 'answers a second use of a key with a conflict',
    async run({ keys }) {
      const record = sampleSecurityKey()
      const [version] = (await insertKeys(keys, [record])) as [Version]
      assert.equal((await keys.use(record.name, version)).outcome, 'applied')
      assert.equal((await keys.use(record.name, version)).outcome, 'conflict')
    },
  },
  {
    name: 'answers the use of a key at the version of another with a conflict, and leaves it',
    async run({ keys }) {
      const [mine, other] = [sampleSecurityKey(), sampleSecurityKey()]
      await insertKeys(keys, [mine])
      const [version] = (await insertKeys(keys, [other])) as [Version]
      assert.equal((await keys.use(mine.name, version)).outcome, 'conflict')
      assert.deepEqual((await keys.find(mine.name))?.record, mine)
    },
  },
  {
    name: 'never accepts an old version of a key again, even after use and insert',
    async run({ keys }) {
      const record = sampleSecurityKey()
      const [first] = (await insertKeys(keys, [record])) as [Version]
      assert.equal((await keys.use(record.name, first)).outcome, 'applied')
      await insertKeys(keys, [record])
      assert.equal((await keys.use(record.name, first)).outcome, 'conflict')
      assert.deepEqual((await keys.find(record.name))?.record, record)
    },
  },
  {
    name: 'answers the insert of a name that is taken with a conflict, and stores none of the batch',
    async run({ keys }) {
      const taken = sampleSecurityKey({ purpose: 'first' })
      const [version] = await insertKeys(keys, [taken])
      const [before, behind] = [sampleSecurityKey(), sampleSecurityKey()]
      const again = { ...taken, purpose: 'second' }
      assert.equal((await keys.insert([again])).outcome, 'conflict')
      assert.equal((await keys.insert([before, again, behind])).outcome, 'conflict')
      assert.deepEqual(await keys.find(taken.name), { record: taken, version })
      assert.equal(await keys.find(before.name), null)
      assert.equal(await keys.find(behind.name), null)
    },
  },
  {
    name: 'stores 100 keys at once, and refuses an empty list, 101 keys, one key twice, and more bytes than fit together',
    async run({ keys }) {
      const hundred = Array.from({ length: 100 }, () => sampleSecurityKey())
      const versions = await insertKeys(keys, hundred)
      assert.equal(versions.length, 100)
      assert.deepEqual((await keys.find(hundred[99]?.name as SecurityKeyName))?.record, hundred[99])
      const one = sampleSecurityKey()
      const many = Array.from({ length: 101 }, () => sampleSecurityKey())
      for (const batch of [[], many, [one, one]]) {
        const error = await assertNotRetryable(() => keys.insert(batch))
        assert.equal(error.effect, 'none')
      }
      const data = 'x'.repeat(MAX_KEY_DATA_BYTES)
      const heavy = Array.from({ length: MAX_KEYS_BYTES / MAX_KEY_DATA_BYTES }, () =>
        sampleSecurityKey({ data }),
      )
      await assertRefused(() => keys.insert(heavy), 'ERR_SESSION_TOO_LARGE')
      assert.equal((await keys.insert(heavy.slice(2))).outcome, 'applied')
      for (const { name } of [one, ...many.slice(0, 2), ...heavy.slice(0, 2)]) {
        assert.equal(await keys.find(name), null)
      }
    },
  },
  ...Object.entries(REFUSED).map(
    ([what, [wrong, code]]): ContractCase => ({
      name: `refuses a key with ${what}, and those beside it`,
      async run({ keys }) {
        const good = sampleSecurityKey()
        await assertRefused(() => keys.insert([good, sampleSecurityKey(wrong)]), code)
        assert.equal(await keys.find(good.name), null)
        await insertKeys(keys, [good])
      },
    }),
  ),
  {
    name: 'keeps security keys apart from sessions',
    async run(store) {
      await insertKeys(store.keys, [sampleSecurityKey()])
      assert.deepEqual((await store.page({ by: 'all' }, { limit: 10 })).entries, [])
    },
  },
]

/** Stores keys that must not exist yet, and returns their versions. */
export async function insertKeys(
  keys: SessionStore['keys'],
  records: readonly SecurityKeyRecord[],
): Promise<readonly Version[]> {
  const result = await keys.insert(records)
  assert.equal(result.outcome, 'applied', 'the insert has to be applied')
  const { versions } = result as { versions: readonly Version[] }
  assert.equal(versions.length, records.length, 'each key has to have its version')
  return versions
}
