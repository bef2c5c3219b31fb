import { codeOf } from '../../google/grpc-errors.ts'
import { type Gathered, type StoreCall, storeCalls } from '../store-calls.ts'
import { type CallForm, isConflict } from './errors.ts'
import { STORE } from './overload/turned-away.ts'
import { isFlagged, listIn } from './values.ts'

/** Makes a request for the partition of all its keys. */
type Request = (partitionId: object) => object

/** The options of a call that are published. */
interface ToldOptions {
  readonly waited?: number
  readonly gathered?: Gathered | null
}

/** Makes a call and publishes it. `call`: makes the call with the given request. */
export async function toldCall(
  method: string,
  request: Request,
  options: ToldOptions,
  call: (request: Request) => Promise<unknown>,
): Promise<unknown> {
  const { waited = 0, gathered } = options
  const askers = gathered?.askers ?? []
  const context: StoreCall = {
    store: STORE,
    method,
    keys: 0,
    requests: Math.max(1, askers.length),
    askers,
    waited,
    waiting: gathered?.waiting ?? null,
    outcome: null,
    code: null,
    duration: null,
  }
  let form: CallForm = 'read'
  const counted: Request = (partitionId) => {
    const made = request(partitionId)
    const { keys = [], mutations = [] } = made as { keys?: object[]; mutations?: object[] }
    context.keys = keys.length + mutations.length
    if (method === 'commit') form = mutations.every((one) => 'insert' in one) ? 'insert' : 'change'
    return made
  }
  return await storeCalls.run(
    context,
    async () => {
      try {
        return await call(counted)
      } catch (error) {
        context.code = codeOf(error)
        context.outcome = isConflict(error, form) ? 'conflict' : 'failed'
        throw error
      }
    },
    (_, response) => {
      const results = method === 'commit' ? listIn(response, 'mutationResults') : []
      context.outcome = results.length === 1 && isFlagged(results[0]) ? 'conflict' : 'answered'
    },
  )
}
