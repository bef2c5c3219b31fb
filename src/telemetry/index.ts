import { type MeterProvider, metrics, trace, type TracerProvider } from '@opentelemetry/api'
import { type Duration, positiveDuration } from '../base/duration.ts'
import { checkFlag, checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import type { Sessions } from '../sessions-interface.ts'
import { Listening } from './listening.ts'
import { measure } from './metrics.ts'
import { measureStatus } from './status.ts'
import { Spans } from './spans.ts'

/** Options of `startTelemetry`. All are optional. */
export interface TelemetryOptions {
  /** Receives the measurements. Default: the provider that is registered with OpenTelemetry. */
  readonly meterProvider?: MeterProvider
  /** Receives the spans. Default: the provider that is registered with OpenTelemetry. */
  readonly tracerProvider?: TracerProvider
  /** `false`: no spans are made. Default `true`. */
  readonly spans?: boolean
  /** `false`: nothing is measured. Default `true`. */
  readonly metrics?: boolean
  /**
   * The sessions whose `status()` is called to measure the backlog, the age of its oldest session and the last sweep.
   * Default: none, and these are not measured. Set it in one process only, since each call needs one or more queries
   * per shard.
   */
  readonly sessions?: Pick<Sessions, 'status'>
  /** Interval between calls of `status()`; one minute or more. Default `'5m'`. */
  readonly statusEvery?: Duration
}

const KNOWN = namesOf<TelemetryOptions>({
  meterProvider: true,
  tracerProvider: true,
  spans: true,
  metrics: true,
  sessions: true,
  statusEvery: true,
})

const MINUTE = 60_000

const LONGEST_TIMER = 2 ** 31 - 1

/** The name under which measurements and spans are made. */
const NAME = 'viur-session'

/**
 * Starts measuring all sessions of this process, and making spans of their work. Call it once, after the SDK of
 * OpenTelemetry has been started. Returns a function that stops it. Throws `SessionConfigError` for wrong options.
 */
export function startTelemetry(options: TelemetryOptions = {}): () => void {
  checkOptions('startTelemetry()', options, KNOWN)
  const every = statusEvery(options)
  const { meterProvider = metrics, tracerProvider = trace, sessions } = options
  const listening = new Listening()
  if (flag('metrics', options.metrics)) {
    const meter = meterProvider.getMeter(NAME)
    measure(meter, listening)
    if (sessions !== undefined) measureStatus(meter, listening)
  }
  if (flag('spans', options.spans)) new Spans(tracerProvider.getTracer(NAME), listening)
  if (sessions !== undefined) askNowAndThen(sessions, every, listening)
  return () => listening.stop()
}

function askNowAndThen(
  sessions: Pick<Sessions, 'status'>,
  every: number,
  listening: Listening,
): void {
  // The result arrives on the channel of status(). status() itself reports a store that does not answer, and rejects
  // when the store was closed.
  const ask = (): void => {
    sessions.status().catch(() => {})
  }
  const timer = setInterval(ask, every)
  timer.unref()
  listening.undoes(() => clearInterval(timer))
  ask()
}

function statusEvery({ sessions, statusEvery: given = '5m' }: TelemetryOptions): number {
  if (sessions !== undefined && typeof Object(sessions).status !== 'function') {
    throw wrongOption('sessions', 'must be the result of createSessions()', sessions)
  }
  const every = positiveDuration('statusEvery', given)
  if (every >= MINUTE && every <= LONGEST_TIMER) return every
  throw wrongOption('statusEvery', 'must be from one minute to 24 days', given)
}

function flag(name: string, value = true): boolean {
  checkFlag(`startTelemetry: ${name}`, value)
  return value
}
