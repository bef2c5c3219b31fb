import { readFileSync } from 'node:fs'
import type { Datastore } from '@google-cloud/datastore'
import { describe, expect, it } from 'vitest'
import { handwritten, PROGRAMS } from './harness.ts'
import { uniqueSpace } from '../setup/stores.ts'

interface Key {
  readonly name?: string
}

type DeleteEntities = (
  datastore: Datastore,
  kind: string,
  isOld?: (key: Key) => boolean,
) => Promise<void>

/** The function of the guide, unchanged. */
function fromGuide(): DeleteEntities {
  const guide = readFileSync(new URL('../../docs/migrating.md', import.meta.url), 'utf8')
  const [source] = /async function deleteEntities[\s\S]+?\n}\n/.exec(guide) ?? []
  if (source === undefined) throw new Error('the guide has no deleteEntities()')
  return new Function(`return ${source}`)() as DeleteEntities
}

describe.each(PROGRAMS)('the guide to migrating on the %s', (_, host) => {
  it.skipIf(host === undefined)('deletes only old entities', async () => {
    const datastore = handwritten(host as string, uniqueSpace())
    const names = [...Array(1100).keys()].map((at) => `${at}-`.padEnd(42, 'a'))
    const ours = 'b'.repeat(43)
    const all = [...names, ours].map((name) => ({
      key: datastore.key(['viur-session', name]),
      data: [{ name: 'x', value: 1, excludeFromIndexes: true }],
    }))
    for (let at = 0; at < all.length; at += 500) await datastore.save(all.slice(at, at + 500))
    await fromGuide()(datastore, 'viur-session', ({ name }) => name?.length === 42)
    const [left] = await datastore.runQuery(datastore.createQuery('viur-session'))
    expect(left.map((entity) => entity[datastore.KEY].name)).toEqual([ours])
    await fromGuide()(datastore, 'viur-session')
    expect((await datastore.runQuery(datastore.createQuery('viur-session')))[0]).toEqual([])
  })
})
