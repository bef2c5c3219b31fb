import { expect, it } from 'vitest'
import { createSessions, memoryStore } from '../../src/index.ts'

it('sweeps from its marks the next time, though the clock moves while it starts', async () => {
  let time = Date.UTC(2026, 0, 1)
  // Each reading of the clock is later than the one before, as on a running clock.
  const now = () => (time += 1)
  const store = memoryStore({ now })
  const sessions = createSessions({ store, now })
  const { full, low } = await swept()
  expect(full).toBeGreaterThan(Date.UTC(2026, 0, 1))
  expect(Object.keys(low)).toHaveLength(16)
  const asked: (number | undefined)[] = []
  const pageKeys = store.pageKeys.bind(store)
  store.pageKeys = async (selection, options) => {
    if (selection.by === 'expiry' && !selection.outside) asked.push(selection.after)
    return await pageKeys(selection, options)
  }
  await sessions.startClearSessions()
  expect(asked.length).toBeGreaterThanOrEqual(16)
  expect(asked).not.toContain(undefined)

  async function swept() {
    await sessions.startClearSessions()
    const note = await store.notes.get('watermarks')
    return note?.value as { full: number; low: Record<string, number> }
  }
})
