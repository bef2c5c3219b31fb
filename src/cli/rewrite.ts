import type { SessionKey } from '../record/id.ts'
import type { AppSessions } from './app-sessions.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { Job } from './job.ts'
import { counted } from './text.ts'

/** The results for a session, in words. */
const WORDS = {
  rewritten: 'rewritten',
  unchanged: 'already stored correctly',
  gone: 'ended meanwhile',
  // This process does not know the correct form of such a session.
  unreadable: 'encrypted with a key that this process lacks, and left unchanged',
  // No process can read it any more.
  damaged: 'damaged, and left unchanged',
  // The store failed.
  failed: 'failed',
}

/** Counts of sessions by result. */
type Counts = Record<keyof typeof WORDS, number>

const SIDE_BY_SIDE = 10

/**
 * Stores every live session again whose stored form differs from the present settings, and leaves the others unchanged.
 */
export async function rewrite({ app, output, signal }: Job): Promise<ExitCode> {
  const counts: Counts = {
    rewritten: 0,
    unchanged: 0,
    gone: 0,
    unreadable: 0,
    damaged: 0,
    failed: 0,
  }
  let seen = 0
  let problem: unknown = null
  let isComplete = true
  try {
    await eachOf(app.sessions.listSessions(), { width: SIDE_BY_SIDE, signal }, async ({ key }) => {
      try {
        counts[await outcomeOf(app, key)] += 1
      } catch (error) {
        counts[isForOthers(error) ? 'unreadable' : 'failed'] += 1
        problem ??= error
      }
      seen += 1
      output.progress(`${counted(seen, 'session')}, ${counts.rewritten} of them rewritten`)
    })
  } catch (error) {
    problem = error
    isComplete = false
  }
  if (signal.aborted) isComplete = false
  output.answer({ ...counts, complete: isComplete }, () => inWords(counts))
  if (problem !== null) output.error(`the first error: ${(problem as Error).message}`)
  if (signal.aborted)
    output.warn(`stopped after ${counted(seen, 'session')}: start it again for the rest`)
  else if (!isComplete)
    output.error(`given up after ${counted(seen, 'session')}: start it again for the rest`)
  const isDone = isComplete && counts.failed === 0 && counts.unreadable === 0
  return isDone ? EXIT.done : EXIT.failed
}

async function outcomeOf({ sessions, door }: AppSessions, key: SessionKey): Promise<keyof Counts> {
  const isWritten = await door.rewrite(key)
  if (isWritten !== null) return isWritten ? 'rewritten' : 'unchanged'
  return (await sessions.outcomeOf(key)) === 'unreadable' ? 'damaged' : 'gone'
}

/** Whether the session is intact, and another process can read it. */
function isForOthers(error: unknown): boolean {
  const { cause } = Object(error) as { cause?: unknown }
  return (Object(cause) as { forOthers?: unknown }).forOthers === true
}

function inWords(counts: Counts): string[] {
  return Object.entries(WORDS)
    .map(([name, words]) => ({ words, count: counts[name as keyof Counts] }))
    .filter(({ count, words }) => count > 0 || words === WORDS.rewritten)
    .map(({ count, words }) => `${count} ${words}`)
}

/**
 * Works on the listed items, up to `width` at a time, until the list ends or the signal aborts. Work that has begun is
 * finished. Throws the errors of the list.
 */
async function eachOf<Item>(
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
