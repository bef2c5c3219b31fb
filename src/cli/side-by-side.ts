/**
 * Works on the listed items, up to `width` at a time, until the list ends or the signal aborts. Work that has begun is
 * finished. Throws the errors of the list.
 */
export async function eachOf<Item>(
  items: AsyncIterable<Item>,
  { width, signal }: { width: number; signal: AbortSignal },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const list = items[Symbol.asyncIterator]()
  const lane = async () => {
    while (!signal.aborted) {
      const { done, value } = await list.next()
      if (done === true || signal.aborted) return
      await work(value)
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: width }, lane))
  await list.return?.()
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason
}
