import { forget, quiet } from './quiet.ts'

/** A fault of one store call. A crash: the actor's process is gone, and gets no answer any more. */
export type Fault = 'none' | 'fails-before' | 'fails-after' | 'crash-before' | 'crash-after'

/** The faults of calls that only read. The others have no further effect: a crash equals one after the write before. */
const OF_READS: readonly Fault[] = ['none', 'fails-before']

const OF_WRITES: readonly Fault[] = [
  'none',
  'fails-before',
  'fails-after',
  'crash-before',
  'crash-after',
]

/** The names of the data that a call reads and writes. A name that ends with `*` means all names with this beginning. */
export interface Footprint {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** True for a step that is not a call, so that it has no faults. */
  readonly isSafe?: true
}

/** One call that waits for its turn. */
interface Waiting extends Footprint {
  readonly actor: number
  /** The same in every run in which its actor reached it in the same way. */
  readonly name: string
  proceed(fault: Fault): void
}

/** Holds a call of this actor until its turn. */
export type Arrive = (call: string, footprint: Footprint) => Promise<Fault>

/** One actor. It runs to its end, and each of its store calls waits for its turn. */
export type Actor = (arrive: Arrive) => Promise<void>

export interface Scenario {
  readonly actors: readonly Actor[]
  /** Throws when a rule is broken, after all actors have finished. */
  readonly check: () => Promise<void>
}

/** A call, and its fault. */
interface Step extends Footprint {
  readonly actor: number
  readonly name: string
  readonly fault: Fault
}

/** Draws the next step; `null`: all further steps have run in another order. */
type Choose = (steps: readonly Step[]) => Step | null

/**
 * Runs a scenario in every order of its calls, with every fault at every call, and at most `faults` faults in one run.
 * Orders that differ only in independent steps run once: a step that was tried at some point sleeps in the later tries,
 * until a step comes on which it depends.
 */
export async function everyOrder(make: () => Scenario, faults: number): Promise<number> {
  interface Point {
    readonly sleeping: readonly Step[]
    readonly steps: readonly Step[]
    chosen: number
  }
  const points: Point[] = []
  for (let runs = 0; ; ) {
    let depth = 0
    let sleeping: readonly Step[] = []
    const choose: Choose = (steps) => {
      let point = points[depth]
      if (point === undefined) {
        const awake = steps.filter((step) => !sleeping.some((other) => isSame(step, other)))
        point = { sleeping, steps: awake, chosen: 0 }
        points.push(point)
      }
      const chosen = point.steps[point.chosen]
      if (chosen === undefined) return null
      if (!steps.some((step) => isSame(step, chosen))) throw new Error('no run like the one before')
      depth += 1
      sleeping = [...point.sleeping, ...point.steps.slice(0, point.chosen)].filter(
        (step) => !dependOnEachOther(step, chosen),
      )
      return chosen
    }
    if (await runOnce(make(), faults, choose)) runs += 1
    let last = points.pop()
    while (last !== undefined && last.chosen + 1 >= last.steps.length) last = points.pop()
    if (last === undefined) return runs
    last.chosen += 1
    points.push(last)
  }
}

/** Runs a scenario once. This function (0 to 1) draws its order and its faults. */
export async function oneOrder(
  scenario: Scenario,
  faults: number,
  random: () => number,
): Promise<void> {
  await runOnce(scenario, faults, (steps) => {
    const draw = <Item>(items: readonly Item[]): Item =>
      items[Math.floor(random() * items.length)] as Item
    const actor = draw([...new Set(steps.map((step) => step.actor))])
    const own = steps.filter((step) => step.actor === actor)
    const faulty = own.filter(({ fault }) => fault !== 'none')
    const isFaulty = faulty.length > 0 && random() < 0.1
    return draw(isFaulty ? faulty : own.filter(({ fault }) => fault === 'none'))
  })
}

function isSame(one: Step, other: Step): boolean {
  return one.name === other.name && one.fault === other.fault
}

function dependOnEachOther(one: Step, other: Step): boolean {
  if (one.actor === other.actor) return true
  // The number of faults is limited.
  if (one.fault !== 'none' && other.fault !== 'none') return true
  return (
    touches(one.writes, other.writes) ||
    touches(one.writes, other.reads) ||
    touches(one.reads, other.writes)
  )
}

function touches(some: readonly string[], others: readonly string[]): boolean {
  const covers = (one: string, other: string): boolean =>
    one.endsWith('*') && other.startsWith(one.slice(0, -1))
  return some.some((one) =>
    others.some((other) => one === other || covers(one, other) || covers(other, one)),
  )
}

/** Returns false for a run that was stopped, since an equal one has run before. */
async function runOnce(
  { actors, check }: Scenario,
  most: number,
  choose: Choose,
): Promise<boolean> {
  const taken: string[] = []
  try {
    const isWhole = await run(actors, most, choose, taken)
    if (isWhole) await check()
    return isWhole
  } catch (error) {
    throw new Error(`${(error as Error).message}\n  on the path: ${taken.join(' -> ')}`, {
      cause: error,
    })
  } finally {
    forget()
  }
}

async function run(
  actors: readonly Actor[],
  most: number,
  choose: Choose,
  taken: string[],
): Promise<boolean> {
  let waiting: Waiting[] = []
  const crashed = new Set<number>()
  const errors: unknown[] = []
  const running = new Set(actors.keys())
  let faults = 0
  let isOver = false

  actors.forEach((actor, index) => {
    let calls = 0
    const arrive: Arrive = (call, footprint) => {
      // A process that is gone or stopped makes no more calls.
      if (isOver || crashed.has(index)) return never
      calls += 1
      const name = `${index}.${calls}:${call}`
      return new Promise((resolve) => {
        waiting.push({ actor: index, name, ...footprint, proceed: resolve })
      })
    }
    actor(arrive)
      .catch((error: unknown) => errors.push(error))
      .finally(() => running.delete(index))
  })

  for (;;) {
    await quiet()
    if (waiting.length === 0) break
    const step = choose(waiting.flatMap((call) => stepsOf(call, faults < most)))
    if (step === null) {
      isOver = true
      return false
    }
    const chosen = waiting.find(({ name }) => name === step.name) as Waiting
    waiting = waiting.filter((other) => other !== chosen)
    if (step.fault !== 'none') faults += 1
    taken.push(`${step.name}${step.fault === 'none' ? '' : `!${step.fault}`}`)
    if (step.fault.startsWith('crash')) {
      crashed.add(step.actor)
      running.delete(step.actor)
      waiting = waiting.filter(({ actor }) => actor !== step.actor)
    }
    chosen.proceed(step.fault)
  }
  await quiet()
  isOver = true
  if (errors.length > 0) throw errors[0]
  if (running.size > 0) throw new Error(`${[...running].join(', ')} hang`)
  return true
}

function stepsOf({ actor, name, reads, writes, isSafe }: Waiting, mayFail: boolean): Step[] {
  const faults = writes.length > 0 ? OF_WRITES : OF_READS
  return faults.slice(0, mayFail && isSafe !== true ? faults.length : 1).map((fault) => {
    // A failure before the call has no effect. A reader that gets no answer has not read the value.
    return {
      ...{ actor, name, fault },
      reads: fault === 'none' ? reads : [],
      writes: fault.endsWith('before') ? [] : writes,
    }
  })
}

const never = new Promise<never>(() => {})
