/** A queue like Cloud Tasks, without its delays; both patterns use it. */
export function makeQueue() {
  const waiting = []
  const names = new Set()
  return {
    tasks: 0,
    async add(task) {
      if (task.name !== undefined && names.has(task.name)) return 'exists'
      names.add(task.name)
      this.tasks += 1
      // As JSON, as over the wire.
      waiting.push(JSON.stringify(task))
      return 'added'
    },
    async drain(handle) {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
        await handle(JSON.parse(task).body)
      }
    },
  }
}

/**
 * `QueryIter._qryStep` and `DeleteSessionsIter.handleEntry` of viur-core 3.8: pages of 5, one delete call for each
 * session, an unnamed task for each page, one after the other. Returns the number of observed ends.
 */
export async function reference(store, queue, observed) {
  let events = 0
  const observer = async () => {
    events += 1
  }
  const step = async ({ cursor }) => {
    const page = await store.page({ by: 'all' }, { limit: 5, ...(cursor !== null && { cursor }) })
    for (const { record } of page.entries) {
      await store.write({ kind: 'remove', key: record.key })
      if (observed) await observer({ data: JSON.parse(JSON.stringify(record.data)) })
    }
    if (page.cursor !== null) await queue.add({ body: { cursor: page.cursor } })
  }
  await queue.add({ body: { cursor: null } })
  await queue.drain(step)
  return events
}
