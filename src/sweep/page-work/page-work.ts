import { SessionStoreError } from '../../base/errors.ts'
import type { SweepSettings } from '../settings.ts'
import type { PageOptions, Selection } from '../../store/store.ts'
import type { Found, SessionRecord } from '../../record/record.ts'
import type { Ender } from '../../end/ender.ts'
import type { SessionEntries } from '../entry.ts'
import { Problems } from '../../end/problems.ts'
import { expiringIn, type Lane, type RunQuery, type RunState } from '../run.ts'

/** A part of long work that is independent of the other parts, with its progress. */
export interface Part {
  done: boolean
}

/**
 * Long work, page by page. The page loop decides when the next page of a part is processed; the work decides how.
 */
export interface PageWork<P extends Part = Lane> {
  /** The largest number of entries on a page. */
  readonly pageSize: number
  /** The number of parts that are worked on in parallel, once one of them has filled a page. */
  readonly sideBySide: number
  /** Returns the parts, each at the point where it was left. */
  parts(): readonly P[] | Promise<readonly P[]>
  /**
   * Does the work of the next page of a part, and stores the progress in the part. Returns the number of entries on the
   * page.
   */
  page(part: P): Promise<number>
  /** Called when the time has run out before the part is done. */
  pause?(part: P): Promise<void>
}

/** The result of the work on a page of a lane. */
export interface WorkedPage {
  /** The number of entries on the page; 0 is the end. */
  readonly size: number
  /**
   * Where the next page starts; `null`: this page has to be read again, because the time was too short for some
   * entries.
   */
  readonly cursor: string | null
}

/** Does the work of one page of a lane, and adds to the totals in the state of the run. */
export type LanePage = (lane: Lane) => Promise<WorkedPage>

/** The number of lanes that are worked on in parallel. */
const LANES_SIDE_BY_SIDE = 8

/** Makes page work over lanes. Each lane has its own cursor. */
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

/** The parts that page work needs. */
export interface PageParts<Data extends object> {
  readonly settings: SweepSettings
  readonly ender: Ender<Data>
  readonly entries: SessionEntries<Data>
}

/** The parts that all pages of one step share. */
export interface PageContext<Data extends object> extends PageParts<Data> {
  readonly state: RunState
  readonly problems: Problems
  /** The number of entries on a page. */
  readonly limit: number
  /** No further entry is begun from this time on, in milliseconds since the epoch. */
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

/** The number of pages in a row without any successful end after which a step fails: the store accepts no writes. */
const MAX_FRUITLESS = 3

/**
 * Counts pages without any successful end. If the store accepts no writes, the step fails, and the queue repeats it
 * later, because further reads would cost money and add load.
 */
class FruitlessPages {
  #fruitless = 0

  bear(failed: number, of: number): void {
    this.#fruitless = of > 0 && failed === of ? this.#fruitless + 1 : 0
    if (this.#fruitless < MAX_FRUITLESS) return
    throw new SessionStoreError('the store accepts no writes: the sweep tries again later', {
      effect: 'unknown',
      retryable: true,
    })
  }
}

/** How often a lane starts again after a refused cursor. A further refusal must have another reason. */
const MAX_RESTARTS = 3

/**
 * Reads a page. A store can refuse cursors after an update of the service: then the lane is read again from its start.
 */
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

/** Whether the record may be ended: it is marked, or it has expired so long ago that no request can save it. */
export function isOver({ ended, expires }: SessionRecord, cut: number): boolean {
  return ended !== null || expires <= cut
}

/** Records the earliest expiry that the run found. */
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
      // A bucket is used only as a whole, and only one leeway after its end: then all its sessions have expired by any
      // clock.
      return expiringIn(lane, query.before)
    default:
      return { by: 'all' }
  }
}
