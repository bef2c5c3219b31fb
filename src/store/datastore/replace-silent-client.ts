import type { OpenClient } from './client.ts'
import { WatchedClient } from './watched-client.ts'

/** How many new connections are tried at the same time: one of them may be as dead as the old one. */
const MOST = 3

/** What the owner of the lines does for it. */
export interface ReplaceSettings {
  /** How much longer than the new one an old connection may take before it is dead, at the least, in milliseconds. */
  readonly grace: number
  /** Asks for something small. Any answer will do, also a refusal; rejects where there is none. */
  readonly ask: (watched: WatchedClient) => Promise<void>
  /** Whether calls go out on this client. */
  readonly isCurrent: (watched: WatchedClient) => boolean
  /** The client is dead, and this client works. */
  readonly replace: (watched: WatchedClient, next: OpenClient) => void
}

/**
 * Finds out whether a client that has gone silent is dead, or the server slow: both the client and a new connection are asked
 * something small, and if only the new one answers, it takes the place of the old one. While nothing answers, further
 * connections are tried beside the first, since what stands between may take one and forget it.
 */
export class SilentClients {
  readonly #settings: ReplaceSettings
  /** Clients that are being tried. */
  readonly #tried = new Set<OpenClient>()
  #trials = 0

  constructor(settings: ReplaceSettings) {
    this.#settings = settings
  }

  /** Calls are under way on this client, and nothing is heard of any. */
  suspect(watched: WatchedClient): void {
    const { another } = watched.open
    if (another === null || this.#trials >= MOST || !this.#settings.isCurrent(watched)) return
    this.#trials += 1
    void this.#try(watched, another).finally(() => {
      this.#trials -= 1
    })
  }

  /** Closes what is being tried. */
  async close(): Promise<void> {
    const tried = [...this.#tried]
    this.#tried.clear()
    await Promise.all(tried.map(discard))
  }

  /** Never rejects. */
  async #try(watched: WatchedClient, another: () => Promise<OpenClient>): Promise<void> {
    const { grace, ask, isCurrent, replace } = this.#settings
    const begun = performance.now()
    let next: OpenClient
    try {
      next = await another()
    } catch {
      // What is wrong with the way to Google, calls hear of.
      return
    }
    this.#tried.add(next)
    try {
      void ask(watched).catch(() => undefined)
      const asked = performance.now()
      await ask(new WatchedClient(next, Number.POSITIVE_INFINITY, () => undefined))
      // The old one was asked first, and gets as long again, since a new connection is made meanwhile.
      await pause(Math.max(grace, performance.now() - asked))
      // An answer that came while the process was too busy to read it is read before this.
      await turnOfTheLoop()
      await turnOfTheLoop()
    } catch {
      // The new one does not answer either: so it is the server, or the way to it.
      if (this.#tried.delete(next)) await discard(next)
      return
    }
    const isTaken = isCurrent(watched) && watched.heardAt <= begun && this.#tried.delete(next)
    if (isTaken) replace(watched, next)
    // With an answer there is one to go on with, so that the others are of no use.
    await this.close()
  }
}

/** Closes a client that is of no use any more. Never rejects: there is nobody to whom that would matter. */
export async function discard(open: OpenClient): Promise<void> {
  try {
    await closeClient(open)
  } catch {
    // It is left to itself.
  }
}

/**
 * Closes a client. Not in the turn of the event loop in which a call was begun: to an address that is no name, grpc-js
 * connects in the next one, closed or not, and that connection stays open for as long as the process lives.
 */
export async function closeClient({ client }: OpenClient): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  await client.close?.()
}

/** What was received is read meanwhile. */
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
