import type { OpenClient } from './client.ts'
import { WatchedClient } from './watched-client.ts'

/** The largest number of new connections that are tried at the same time: one of them may be dead as well. */
const MOST = 3

/** Functions of the owner of the clients. */
export interface ReplaceSettings {
  /** The minimum time that the old connection gets after the new one has answered, in milliseconds. */
  readonly grace: number
  /** Makes a small lookup. Resolves for any answer, also for a refusal; rejects if there is none. */
  readonly ask: (watched: WatchedClient) => Promise<void>
  /** Whether calls are sent on this client. */
  readonly isCurrent: (watched: WatchedClient) => boolean
  /** Replaces the dead client `watched` by the working client `next`. */
  readonly replace: (watched: WatchedClient, next: OpenClient) => void
}

/**
 * Finds out whether a silent client is dead, or whether the server is slow. It makes a small lookup on the client and
 * on a new connection. If only the new one answers, it replaces the old one. While none answers, further connections
 * are tried in parallel, since a proxy between may accept a connection and lose it.
 */
export class SilentClients {
  readonly #settings: ReplaceSettings
  /** New clients that are currently tried. */
  readonly #tried = new Set<OpenClient>()
  #trials = 0

  constructor(settings: ReplaceSettings) {
    this.#settings = settings
  }

  /** Starts a test of a client whose running calls get no answers. */
  suspect(watched: WatchedClient): void {
    const { another } = watched.open
    if (another === null || this.#trials >= MOST || !this.#settings.isCurrent(watched)) return
    this.#trials += 1
    void this.#try(watched, another).finally(() => {
      this.#trials -= 1
    })
  }

  /** Closes the clients that are currently tried. */
  async close(): Promise<void> {
    const tried = [...this.#tried]
    this.#tried.clear()
    await Promise.all(tried.map(discard))
  }

  /** Tests a silent client. Never rejects. */
  async #try(watched: WatchedClient, another: () => Promise<OpenClient>): Promise<void> {
    const { grace, ask, isCurrent, replace } = this.#settings
    const begun = performance.now()
    let next: OpenClient
    try {
      next = await another()
    } catch {
      // Calls report the error themselves.
      return
    }
    this.#tried.add(next)
    try {
      void ask(watched).catch(() => undefined)
      const asked = performance.now()
      await ask(new WatchedClient(next, Number.POSITIVE_INFINITY, () => undefined))
      // The old client was asked first, and gets the same time again, since the new one first had to connect.
      await pause(Math.max(grace, performance.now() - asked))
      // Lets the process read an answer that arrived while it was busy.
      await turnOfTheLoop()
      await turnOfTheLoop()
    } catch {
      // The new client gets no answer either, so the server or the network is at fault.
      if (this.#tried.delete(next)) await discard(next)
      return
    }
    const isTaken = isCurrent(watched) && watched.heardAt <= begun && this.#tried.delete(next)
    if (isTaken) replace(watched, next)
    // One client has answered, so that the other new ones are not needed.
    await this.close()
  }
}

/** Closes a client that is no longer needed. Never rejects: the outcome does not matter to any caller. */
export async function discard(open: OpenClient): Promise<void> {
  await closeClient(open).catch(() => undefined)
}

/**
 * Closes a client, but not in the same turn of the event loop in which a call was started. For a numeric address,
 * grpc-js connects in the next turn even if the client was closed, and that connection stays open until the process
 * ends.
 */
export async function closeClient({ client }: OpenClient): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  await client.close?.()
}

/** Waits for one turn of the event loop, in which received data is read. */
function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve).unref()
  })
}

function pause(time: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, time).unref()
  })
}
