import { isDeepStrictEqual } from '../base/node-builtins.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import { checkOptions } from '../base/option-checks.ts'
import { LEEWAY } from '../record/expiry.ts'
import { checkUser } from '../record/limits.ts'
import { checkPropertyFilter } from '../record/properties.ts'
import type { Engine } from './engine.ts'
import type { IteratorClass, IterQuery } from './query-iter.ts'
import { freshLane, type Lane, type RunQuery } from './run.ts'
import { type AllWatermarks, expiryLanes } from './watermarks.ts'

/** The name of the query in messages. */
const QUERY = 'the query of startIterOnQuery()'

/**
 * Starts an iterator of the app. Throws `SessionConfigError` for a class, a query or data that cannot work in a task.
 */
export async function startIterator<Data extends object>(
  engine: Engine<Data>,
  watermarks: AllWatermarks,
  now: () => number,
  iter: IteratorClass,
  query: IterQuery,
  customData: Json,
): Promise<void> {
  const kind = engine.kinds.iterator(iter)
  const time = now()
  const chosen = queryOf(query, time)
  const lanes: Lane[] =
    chosen.select === 'expired'
      ? await expiryLanes(watermarks, time, null)
      : [freshLane(null, null)]
  const run = engine.plan(kind, { query: chosen, lanes, customData: asJson(customData) })
  await run.save()
  await engine.handOn(run.state)
}

function queryOf(query: IterQuery, time: number): RunQuery {
  switch (query?.select) {
    case 'all':
      checkOptions(QUERY, query, ['select'])
      return { select: 'all' }
    case 'user':
      checkOptions(QUERY, query, ['select', 'user', 'literal'])
      checkUser(query.user, 'startIterOnQuery', query)
      return { select: 'user', user: query.user }
    case 'property':
      checkOptions(QUERY, query, ['select', 'property'])
      checkPropertyFilter(query.property, 'startIterOnQuery')
      return { select: 'property', property: query.property }
    case 'expired':
      checkOptions(QUERY, query, ['select'])
      return { select: 'expired', before: time - LEEWAY, after: null }
    default:
      throw new SessionConfigError(
        "startIterOnQuery: select must be 'all', 'expired', 'user' or 'property'",
      )
  }
}

/**
 * Returns a checked copy. Without the check it would fail later in a task, or silently lose values that JSON cannot
 * hold.
 */
function asJson(customData: Json): Json {
  try {
    const text = JSON.stringify(customData) as string | undefined
    if (text !== undefined && isDeepStrictEqual(JSON.parse(text), customData)) {
      return JSON.parse(text) as Json
    }
  } catch {
    // Falls through: a cycle or a bigint is refused like a function.
  }
  throw new SessionConfigError('startIterOnQuery: customData must be plain JSON')
}
