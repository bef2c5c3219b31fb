import { it } from 'vitest'
import { assertNoText } from './corpus.ts'

it('takes no text for a session, and none for an error', async () => {
  await assertNoText(500)
})
