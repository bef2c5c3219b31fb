import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'

/** What is to be undone, in the end. */
export class Listening {
  readonly #undo: (() => void)[] = []

  /** Hears all messages of a channel. What goes wrong with one must not harm who published it. */
  on<Message>(name: string, hear: (message: Message) => void): void {
    const heard = (message: unknown): void => {
      try {
        hear(message as Message)
      } catch {
        // A provider of somebody else: what it cannot take is not measured.
      }
    }
    subscribe(name, heard)
    this.#undo.push(() => unsubscribe(name, heard))
  }

  /** Notes what is to be undone. */
  undoes(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** The channel of the start of work that takes time. */
  startOf(what: string): ReturnType<typeof channel> {
    return channel(`tracing:viur-session:${what}:start`)
  }

  /** Hears what came of work that takes time. */
  onEnd<Context>(what: string, hear: (context: Context) => void): void {
    this.on(`tracing:viur-session:${what}:asyncEnd`, hear)
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }
}
