import type { Meter, ObservableCallback } from '@opentelemetry/api'
import type { Happening } from '../record/happenings.ts'
import type { Listening } from './listening.ts'
import { type Instrument, INSTRUMENTS } from './names.ts'

type Told = Extract<Happening, { kind: 'status' }>

/**
 * Measures the last result of `status()`; ages continue to grow meanwhile. Only for a process that calls `status()`
 * regularly: the SDK repeats the last value of a gauge for as long as the process lives.
 */
export function measureStatus(meter: Meter, listening: Listening): void {
  let last: { readonly status: Told; readonly at: number } | null = null
  listening.on('viur-session:status', (status: Told) => {
    last = { status, at: performance.now() }
  })
  const observe = (
    { name, ...about }: Instrument,
    measured: (status: Told, since: number) => number | null,
  ): void => {
    const gauge = meter.createObservableGauge(name, about)
    const callback: ObservableCallback = (result) => {
      if (last === null) return
      const value = measured(last.status, performance.now() - last.at)
      if (value !== null) result.observe(value)
    }
    gauge.addCallback(callback)
    listening.undoes(() => gauge.removeCallback(callback))
  }
  observe(INSTRUMENTS.reachable, ({ reachable }) => (reachable ? 1 : 0))
  observe(INSTRUMENTS.warnings, ({ warnings }) => warnings)
  // Nothing is known of a store that does not answer.
  observe(INSTRUMENTS.backlog, ({ reachable, backlog }) => (reachable ? backlog : null))
  observe(INSTRUMENTS.backlogAge, ({ reachable, oldestAge }, since) => {
    if (!reachable) return null
    return oldestAge === null ? 0 : (oldestAge + since) / 1000
  })
  observe(INSTRUMENTS.sweepAge, ({ sweepAge }, since) =>
    sweepAge === null ? null : (sweepAge + since) / 1000,
  )
}
