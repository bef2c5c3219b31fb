import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { datastoreStore } from '../../dist/store/datastore/index.js'
import { sampleRecord } from '../../dist/testing/index.js'
import { sampleData } from '../apps/data.mjs'

const require = createRequire(import.meta.url)
const PROJECT = 'viur-session-bench'
const DAY = 24 * 60 * 60 * 1000

/** Stores this many live sessions of 0.5 KB beside those of the app, 500 per call, in the layout of the app's store. */
export async function fill(variant, namespace, count) {
  const write = variant.startsWith('rival') ? rival(namespace) : ours(namespace)
  const chunks = Array.from({ length: Math.ceil(count / 500) }, (_, at) =>
    Math.min(500, count - at * 500),
  )
  const worker = async () => {
    for (let size = chunks.pop(); size !== undefined; size = chunks.pop()) await write.chunk(size)
  }
  await Promise.all([worker(), worker(), worker()])
  await write.close()
}

function ours(namespace) {
  const store = datastoreStore({ projectId: PROJECT, namespace, deadline: '1m' })
  return {
    async chunk(size) {
      const now = Date.now()
      const records = Array.from({ length: size }, () =>
        sampleRecord({ created: now, lastSeen: now, expires: now + DAY, values: sampleData() }),
      )
      const results = await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
      if (results.some(({ outcome }) => outcome !== 'applied')) throw new Error('not filled')
    },
    close: () => store.close(),
  }
}

function rival(namespace) {
  const { Datastore } = require('@google-cloud/datastore')
  const dataset = new Datastore({ projectId: PROJECT, namespace })
  return {
    async chunk(size) {
      const entities = Array.from({ length: size }, () => ({
        key: dataset.key(['Session', `filled-${randomUUID()}`]),
        data: [
          { name: 'data', value: JSON.stringify(sampleData()), excludeFromIndexes: true },
          { name: 'createdAt', value: new Date() },
        ],
      }))
      await dataset.save(entities)
    },
    close: async () => {},
  }
}
