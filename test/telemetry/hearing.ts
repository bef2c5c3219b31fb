import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'

/** The messages of a channel until the end of the test. */
export function hear<Message>(name: string): Message[] {
  const heard: Message[] = []
  const note = (message: unknown): void => void heard.push(message as Message)
  subscribe(name, note)
  onTestFinished(() => void unsubscribe(name, note))
  return heard
}

/** The ends of asynchronous work, each copied at its end. */
export function hearEnds<Context>(what: string): Context[] {
  const heard: Context[] = []
  const note = (message: unknown): void => void heard.push({ ...(message as Context) })
  const name = `tracing:viur-session:${what}:asyncEnd`
  subscribe(name, note)
  onTestFinished(() => void unsubscribe(name, note))
  return heard
}

/** All channel names of this package, as in docs/monitoring.md. */
export const TRACES = ['load', 'commit', 'sweep-step', 'store-call'] as const
