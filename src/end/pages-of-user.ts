import type { SessionStore } from '../store/store.ts'
import type { Found } from '../record/record.ts'

/** How many sessions of a user are looked at in one query. */
const PAGE = 200

/** What is stored of a user and can be read, page by page, also what has ended. */
export async function* pagesOfUser(
  store: SessionStore,
  user: string,
): AsyncIterable<readonly Found[]> {
  let cursor: string | undefined
  for (;;) {
    const page = await store.page(
      { by: 'user', user },
      { limit: PAGE, ...(cursor !== undefined && { cursor }) },
    )
    if (page.cursor === null) return
    cursor = page.cursor
    yield page.entries.filter((entry): entry is Found => entry.record !== null)
  }
}
