import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'

/** Collects functions that undo subscriptions. */
export class Listening {
  readonly #undo: (() => void)[] = []

  /** Subscribes to a channel. An error in the subscriber must not reach the publisher. */
  on<Message>(name: string, hear: (message: Message) => void): void {
    const heard = (message: unknown): void => {
      try {
        hear(message as Message)
      } catch {
        // The provider belongs to the app. A message that it rejects is not measured.
      }
    }
    subscribe(name, heard)
    this.#undo.push(() => unsubscribe(name, heard))
  }

  /** Adds a function that stop() calls. */
  undoes(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** Returns the channel of the start of asynchronous work. */
  startOf(what: string): ReturnType<typeof channel> {
    return channel(`tracing:viur-session:${what}:start`)
  }

  /** Subscribes to the end of asynchronous work. */
  onEnd<Context>(what: string, hear: (context: Context) => void): void {
    this.on(`tracing:viur-session:${what}:asyncEnd`, hear)
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }
}
