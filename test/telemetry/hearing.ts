import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'

/** What is published on a channel until the test is over. */
export function hear<Message>(name: string): Message[] {
  const heard: Message[] = []
  const note = (message: unknown): void => void heard.push(message as Message)
  subscribe(name, note)
  onTestFinished(() => void unsubscribe(name, note))
  return heard
}

/** What came of work that takes time, each as it stood when it was over. */
export function hearEnds<Context>(what: string): Context[] {
  const heard: Context[] = []
  const note = (message: unknown): void => void heard.push({ ...(message as Context) })
  const name = `tracing:viur-session:${what}:asyncEnd`
  subscribe(name, note)
  onTestFinished(() => void unsubscribe(name, note))
  return heard
}

/** All names of this package's channels, as docs/monitoring.md has them. */
export const TRACES = ['load', 'commit', 'sweep-step', 'store-call'] as const
