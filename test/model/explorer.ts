// Imported here, since loading on demand takes more turns of the event loop than a walk waits for an actor.
import '../../src/request/exclusive.ts'
import '../../src/sweep/long-work.ts'
import type { SessionStore } from '../../src/index.ts'
import { SessionStoreError } from '../../src/index.ts'
import { forget, quiet } from './quiet.ts'

/** A fault of one store call. A crash: the actor's process is gone, and gets no answer any more. */
export type Fault = 'none' | 'fails-before' | 'fails-after' | 'crash-before' | 'crash-after'

const FAULTS: readonly Fault[] = [
  'none',
  'fails-before',
  'fails-after',
  'crash-before',
  'crash-after',
]

interface Waiting {
  readonly actor: number
  readonly call: string
  proceed(fault: Fault): void
}

/** One actor. It runs to its end, and a gate holds each of its store calls. */
export type Actor = (
  gate: (store: SessionStore) => SessionStore,
  step: () => Promise<void>,
) => Promise<void>

/** One path through all possible choices. */
export interface Path {
  readonly steps: readonly string[]
  /** Which actors crashed. */
  readonly crashed: ReadonlySet<number>
  readonly faults: number
}

/**
 * Runs the same scenario again and again, each time with another order of store calls and another fault, until all
 * combinations have run. `faults`: the largest number of faults in one run.
 */
export async function explore(
  scenario: () => { actors: readonly Actor[]; check: (path: Path) => Promise<void> },
  options: { faults: number; limit?: number },
): Promise<number> {
  let choices: number[] = []
  for (let runs = 1; ; runs++) {
    if (runs > (options.limit ?? 200_000)) throw new Error(`more than ${runs - 1} paths`)
    const widths: number[] = []
    const steps: string[] = []
    const { actors, check } = scenario()
    try {
      const path = await run(
        actors,
        options.faults,
        (width) => {
          const choice = choices[widths.length] ?? 0
          widths.push(width)
          return choice
        },
        steps,
      )
      await check(path)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n  on the path: ${steps.join(' -> ')}`, {
        cause: error,
      })
    }
    forget()
    // The next path: the last choice with an untried alternative takes it.
    const taken = widths.map((_, index) => choices[index] ?? 0)
    let last = taken.length - 1
    while (last >= 0 && (taken[last] as number) + 1 >= (widths[last] as number)) last -= 1
    if (last < 0) return runs
    choices = [...taken.slice(0, last), (taken[last] as number) + 1]
  }
}

async function run(
  actors: readonly Actor[],
  maxFaults: number,
  choose: (width: number) => number,
  steps: string[],
): Promise<Path> {
  const waiting: Waiting[] = []
  const crashed = new Set<number>()
  const errors: unknown[] = []
  let running = actors.length
  let faults = 0

  actors.forEach((actor, index) => {
    const arrive = (call: string): Promise<Fault> =>
      new Promise((resolve) => waiting.push({ actor: index, call, proceed: resolve }))
    const gate = (store: SessionStore): SessionStore => gated(store, arrive)
    const step = async (): Promise<void> => {
      await arrive('step')
    }
    actor(gate, step)
      .catch((error: unknown) => errors.push(error))
      .finally(() => {
        running -= 1
      })
  })

  for (;;) {
    await quiet()
    if (waiting.length === 0) break
    const order = [...waiting].sort((a, b) => a.actor - b.actor)
    const kinds = faults < maxFaults ? FAULTS : FAULTS.slice(0, 1)
    const choice = choose(order.length * kinds.length)
    const chosen = order[Math.floor(choice / kinds.length)] as Waiting
    const fault = chosen.call === 'step' ? 'none' : (kinds[choice % kinds.length] as Fault)
    waiting.splice(waiting.indexOf(chosen), 1)
    if (fault !== 'none') faults += 1
    steps.push(`${chosen.actor}:${chosen.call}${fault === 'none' ? '' : `!${fault}`}`)
    if (fault.startsWith('crash')) {
      crashed.add(chosen.actor)
      running -= 1
    }
    chosen.proceed(fault)
    // A process that is gone does not make the calls that it was about to make.
    if (fault.startsWith('crash')) {
      for (const other of waiting.filter(({ actor }) => actor === chosen.actor)) {
        waiting.splice(waiting.indexOf(other), 1)
      }
    }
  }
  await quiet()
  if (errors.length > 0) throw errors[0]
  if (running !== 0) throw new Error(`${running} actors hang`)
  return { steps, crashed, faults }
}

const never = new Promise<never>(() => {})

function gated(store: SessionStore, arrive: (call: string) => Promise<Fault>): SessionStore {
  const through = async <Result>(call: string, effect: () => Promise<Result>): Promise<Result> => {
    const fault = await arrive(call)
    if (fault === 'crash-before') return await never
    if (fault === 'fails-before') throw new SessionStoreError('down', { effect: 'none' })
    const result = await effect()
    if (fault === 'crash-after') return await never
    if (fault === 'fails-after') throw new SessionStoreError('answer lost', { effect: 'unknown' })
    return result
  }
  return {
    name: store.name,
    shards: store.shards,
    find: (key) => through('find', () => store.find(key)),
    write: (mutation) => through(mutation.kind, () => store.write(mutation)),
    writeTogether: (mutations) =>
      through(mutations.map(({ kind }) => kind).join('+'), () => store.writeTogether(mutations)),
    writeEach: (mutations) => store.writeEach(mutations),
    page: (selection, options) => store.page(selection, options),
    pageKeys: (selection, options) => store.pageKeys(selection, options),
    notes: store.notes,
    keys: store.keys,
    close: () => store.close(),
  }
}
