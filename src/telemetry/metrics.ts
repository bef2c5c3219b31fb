import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'
import { type Trouble, TROUBLES } from '../record/diagnostics.ts'
import type { Happening } from '../record/happenings.ts'
import type { CommitTrace } from '../request/commit.ts'
import type { LoadTrace } from '../request/load.ts'
import type { StoreCall } from '../store/store-calls.ts'
import type { StepTrace } from '../sweep/engine.ts'
import type { Listening } from './listening.ts'
import { ATTRIBUTES, DURATIONS, type Instrument, INSTRUMENTS, SIZES } from './names.ts'
import { attributesOf, typeOfError } from './words.ts'

type Of<Kind extends Happening['kind']> = Extract<Happening, { kind: Kind }>

/** Measures the messages of the channels. */
export function measure(meter: Meter, listening: Listening): void {
  measureCalls(meter, listening)
  measureRequests(meter, listening)
  measureSecurity(meter, listening)
  measureRuns(meter, listening)
}

function measureCalls(meter: Meter, listening: Listening): void {
  const calls = durations(meter, INSTRUMENTS.calls)
  const keys = sizes(meter, INSTRUMENTS.keys)
  const requests = sizes(meter, INSTRUMENTS.requests)
  const waits = durations(meter, INSTRUMENTS.waits)
  const queue = meter.createGauge(INSTRUMENTS.queue.name, INSTRUMENTS.queue)
  listening.onEnd('store-call', (call: StoreCall) => {
    const attributes = attributesOf(call)
    const which = {
      [ATTRIBUTES.system]: attributes[ATTRIBUTES.system],
      [ATTRIBUTES.operation]: attributes[ATTRIBUTES.operation],
    } as Attributes
    calls.record(seconds(call.duration), attributes)
    if (call.keys > 0) keys.record(call.keys, which)
    requests.record(call.requests, which)
    if (call.waiting === null) return
    waits.record(seconds(call.waited), which)
    queue.record(call.waiting, which)
  })
  const turnedAway = counter(meter, INSTRUMENTS.turnedAway)
  listening.on('viur-session:turned-away', ({ why, count }: Of<'turned-away'>) => {
    turnedAway.add(count, { [ATTRIBUTES.reason]: why })
  })
  const breaker = meter.createGauge(INSTRUMENTS.breaker.name, INSTRUMENTS.breaker)
  listening.on('viur-session:breaker', ({ method, state }: Of<'breaker'>) => {
    breaker.record(state === 'open' ? 1 : 0, { [ATTRIBUTES.operation]: method })
  })
  const retries = counter(meter, INSTRUMENTS.retries)
  listening.on('viur-session:retry', ({ why }: Of<'retry'>) => {
    retries.add(1, { [ATTRIBUTES.reason]: why })
  })
}

function measureRequests(meter: Meter, listening: Listening): void {
  const loads = durations(meter, INSTRUMENTS.loads)
  listening.onEnd('load', (load: LoadTrace) => {
    loads.record(seconds(load.duration), outcomeOf(load))
  })
  const commits = durations(meter, INSTRUMENTS.commits)
  listening.onEnd('commit', (commit: CommitTrace) => {
    commits.record(seconds(commit.duration), outcomeOf(commit))
  })
  const held = durations(meter, INSTRUMENTS.held)
  listening.on('viur-session:held', ({ duration, stored }: Of<'held'>) => {
    held.record(seconds(duration), { [ATTRIBUTES.outcome]: stored ? 'stored' : 'failed' })
  })
}

function measureSecurity(meter: Meter, listening: Listening): void {
  const troubles = counter(meter, INSTRUMENTS.troubles)
  const keys = counter(meter, INSTRUMENTS.securityKeys)
  for (const kind of TROUBLES) {
    listening.on(`viur-session:${kind}`, (trouble: Trouble) => {
      troubles.add(1, { [ATTRIBUTES.kind]: kind, ...detailsOf(trouble) })
      if (trouble.kind === 'key-refused') keys.add(1, { [ATTRIBUTES.event]: 'refused' })
    })
  }
  listening.on('viur-session:security-key', ({ what, count }: Of<'security-key'>) => {
    keys.add(count, { [ATTRIBUTES.event]: what })
  })
  const ends = counter(meter, INSTRUMENTS.ends)
  listening.on('viur-session:end', ({ reason, count }: Of<'end'>) => {
    ends.add(count, { [ATTRIBUTES.reason]: reason })
  })
}

/**
 * Returns the details of a trouble that have few values. The reason why an origin or a caller was refused is left out,
 * since it can contain text from a request.
 */
function detailsOf(trouble: Trouble): Attributes {
  if (trouble.kind === 'key-refused') return { [ATTRIBUTES.reason]: trouble.why }
  if (trouble.kind === 'warning') return { [ATTRIBUTES.reason]: trouble.about }
  if (trouble.kind !== 'caller-refused') return {}
  return { [ATTRIBUTES.caller]: trouble.caller, [ATTRIBUTES.purpose]: trouble.purpose }
}

function measureRuns(meter: Meter, listening: Listening): void {
  const steps = durations(meter, INSTRUMENTS.steps)
  listening.onEnd('sweep-step', (step: StepTrace) => {
    steps.record(seconds(step.duration), {
      [ATTRIBUTES.iterator]: step.iterator,
      ...outcomeOf(step),
    })
  })
  const runs = durations(meter, INSTRUMENTS.runs)
  const swept = counter(meter, INSTRUMENTS.swept)
  listening.on('viur-session:run', (run: Of<'run'>) => {
    const which = { [ATTRIBUTES.iterator]: run.iterator }
    runs.record(seconds(run.duration), { ...which, [ATTRIBUTES.state]: run.state })
    const outcomes = {
      ended: run.ended,
      skipped: run.skipped,
      failed: run.failed,
      observers_failed: run.observersFailed,
      kept: run.kept,
      changed: run.changed,
    }
    for (const [outcome, count] of Object.entries(outcomes)) {
      if (count > 0) swept.add(count, { ...which, [ATTRIBUTES.outcome]: outcome })
    }
  })
}

function outcomeOf({ outcome, error }: { outcome: string | null; error?: unknown }): Attributes {
  return outcome === null
    ? { [ATTRIBUTES.outcome]: 'failed', [ATTRIBUTES.error]: typeOfError(error) }
    : { [ATTRIBUTES.outcome]: outcome }
}

function durations(meter: Meter, { name, ...about }: Instrument): Histogram {
  const advice = { explicitBucketBoundaries: [...DURATIONS] }
  return meter.createHistogram(name, { ...about, advice })
}

function sizes(meter: Meter, { name, ...about }: Instrument): Histogram {
  const advice = { explicitBucketBoundaries: [...SIZES] }
  return meter.createHistogram(name, { ...about, advice })
}

function counter(meter: Meter, { name, ...about }: Instrument): Counter {
  return meter.createCounter(name, about)
}

function seconds(milliseconds: number | null): number {
  return (milliseconds ?? 0) / 1000
}
