import { SessionStoreError } from '../../base/errors.ts'
import type { SweepSettings } from '../settings.ts'
import type { PageOptions, SecurityKeySelection, Selection } from '../../store/store.ts'
import type { Found, SessionRecord } from '../../record/record.ts'
import type { Ender } from '../../end/ender.ts'
import type { SessionEntries } from '../entry.ts'
import { Problems } from '../../end/problems.ts'
import type { Lane, RunQuery, RunState } from '../run.ts'

/** A part of long work that needs no other part, with how far the work came in it. */
export interface Part {
  done: boolean
}

/** Long work, page by page. The engine says when a page comes and of which part, the work what is done with it. */
export interface PageWork<P extends Part = Lane> {
  /** How many make a page at the most. */
  readonly pageSize: number
  /** How many parts are worked on side by side, once one of them has filled a page. */
  readonly sideBySide: number
  /** What is to be gone over, each part from where it was left. */
  parts(): readonly P[] | Promise<readonly P[]>
  /** Works the next page of a part off, and notes in the part how far it came. Gives how many were on the page. */
  page(part: P): Promise<number>
  /** The time is up, and the part is not done. */
  pause?(part: P): Promise<void>
}

/** What working a page of a lane off came to. */
export interface WorkedPage {
  /** How many were on it; 0 is the end. */
  readonly size: number
  /** Where the next one starts; `null`: this one is to be read again, for what the time did not suffice for. */
  readonly cursor: string | null
}

/** Works one page of a lane off, and counts in the state of the run. */
export type LanePage = (lane: Lane) => Promise<WorkedPage>

/** How many lanes are worked on side by side. */
const LANES_SIDE_BY_SIDE = 8

/** Work over lanes, each of which has a cursor of its own. */
export function overLanes(lanes: readonly Lane[], pageSize: number, workOff: LanePage): PageWork {
  return {
    pageSize,
    sideBySide: LANES_SIDE_BY_SIDE,
    parts: () => lanes,
    page: async (lane) => {
      const { size, cursor } = await workOff(lane)
      if (size === 0) lane.done = true
      else if (cursor !== null) lane.cursor = cursor
      return size
    },
  }
}

export interface PageParts<Data extends object> {
  readonly settings: Pick<
    SweepSettings,
    'store' | 'codec' | 'events' | 'outsideIds' | 'now' | 'sleep' | 'logger'
  >
  readonly ender: Ender<Data>
  readonly entries: SessionEntries<Data>
}

/** What the work on all pages of one step shares. */
export interface PageContext<Data extends object> extends PageParts<Data> {
  readonly state: RunState
  readonly problems: Problems
  /** How many make a page. */
  readonly limit: number
  /** From when on nothing more is to be begun, in milliseconds since the epoch. */
  readonly deadline: number
  readonly fruitless: FruitlessPages
}

export function pageContext<Data extends object>(
  parts: PageParts<Data>,
  state: RunState,
  limit: number,
  deadline: number,
): PageContext<Data> {
  state.problems ??= []
  const problems = new Problems(state.problems)
  return { ...parts, state, problems, limit, deadline, fruitless: new FruitlessPages() }
}

/** After how many pages in a row, of which nothing could be ended, a step fails: the store takes no writes. */
const MAX_FRUITLESS = 3

/** Reading on would be paid for, and add to the load of a store that takes no writes: the queue tries again later. */
export class FruitlessPages {
  #fruitless = 0

  bear(failed: number, of: number): void {
    this.#fruitless = of > 0 && failed === of ? this.#fruitless + 1 : 0
    if (this.#fruitless < MAX_FRUITLESS) return
    throw new SessionStoreError('the store takes no writes: the sweep tries again later', {
      effect: 'unknown',
      retryable: true,
    })
  }
}

/** How often a lane is begun again because its cursor was refused; beyond that something else is wrong. */
const MAX_RESTARTS = 3

/** Cursors can be refused after an update of the service: then the lane is walked again from its start. */
export async function readPage<Page>(
  lane: Pick<Lane, 'cursor' | 'restarts'>,
  limit: number,
  read: (options: PageOptions) => Promise<Page>,
): Promise<Page> {
  if (lane.cursor === null) return await read({ limit })
  try {
    return await read({ limit, cursor: lane.cursor })
  } catch (error) {
    const isRefused = error instanceof SessionStoreError && !error.retryable
    if (!isRefused || lane.restarts >= MAX_RESTARTS) throw error
    lane.restarts += 1
    lane.cursor = null
    return await read({ limit })
  }
}

/** Whether it may be ended: marked, or expired by what is stored and for so long that no request can save it. */
export function isOver({ ended, expires }: SessionRecord, cut: number): boolean {
  return ended !== null || expires <= cut
}

/** Notes the earliest expiry that the run met. */
export function noteExpiry(state: RunState, { record }: Found): void {
  if (record.ended !== null) return
  state.oldestExpired = Math.min(state.oldestExpired ?? record.expires, record.expires)
}

export function selectionOf(query: RunQuery, lane: Lane): Selection {
  switch (query.select) {
    case 'user':
      return { by: 'user', user: query.user }
    case 'property': {
      const [name, value] = query.property
      return { by: 'property', name, value }
    }
    case 'expired':
      return { by: 'expiry', ...expiryOf(query, lane), ...(lane.outside && { outside: true }) }
    default:
      return { by: 'all' }
  }
}

/** The buckets of a lane: whole ones, from one leeway after their end, so that all in them has expired by any clock. */
export function expiryOf(query: RunQuery, { shard, after }: Lane): SecurityKeySelection {
  return {
    shard: shard ?? 0,
    upTo: query.select === 'expired' ? query.before : 0,
    ...(after !== null && { after }),
  }
}
