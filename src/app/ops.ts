import { type Request, type RequestHandler, Router } from 'express'
import { localOnly } from '../express/index.ts'
import { CallerRefusedError, type SessionStore, type Status } from '../index.ts'
import type { AppSessions } from './sessions.ts'
import type { StoreName } from './config.ts'
import type { EndLog } from './end-log.ts'
import { themeOrSystem } from './errors.ts'
import { makeExpiredSessions } from './expired-sessions.ts'
import { languageOf } from './language.ts'
import { errorPage } from './pages/error.ts'
import { opsPage } from './pages/ops.ts'
import { sessionOf } from './session-data.ts'
import type { DemoUser } from './users.ts'

export interface OpsParts {
  readonly sessions: AppSessions
  readonly storeName: StoreName
  readonly store: SessionStore | undefined
  readonly users: readonly DemoUser[]
  readonly ends: EndLog
  readonly log: (message: string, error: unknown) => void
  readonly now: () => number
}

/** How many expired sessions one press of the button makes. */
const FILL = 1000

/** How long the answer waits for a sweep within this process, in milliseconds; it goes on after that. */
const PATIENCE = 500

const local = localOnly()

/** The ops page, for whoever sits at this machine, and for admins elsewhere. */
export function ops({ sessions, storeName, store, users, ends, log, now }: OpsParts): Router {
  const router = Router()
  const progress = new Progress()

  const operatorsOnly: RequestHandler = async (request, response, next) => {
    if ((await isLocal(request)) || isAdmin(request, users)) {
      next()
      return
    }
    const looks = { language: languageOf(request), theme: themeOrSystem(request) }
    response.status(403).set('Cache-Control', 'no-store')
    response.send(errorPage(403, 'operatorsOnly', looks))
  }

  /** Where expired sessions may be made: never in a store that is not on this machine. */
  async function fillableStore(request: Request): Promise<SessionStore | undefined> {
    return storeName !== 'datastore' && (await isLocal(request)) ? store : undefined
  }

  router.get('/ops', operatorsOnly, async (request, response) => {
    const status = await sessions.status()
    response.set('Cache-Control', 'no-store')
    response.send(
      opsPage({
        language: languageOf(request),
        theme: themeOrSystem(request),
        storeName,
        status,
        total: progress.totalOf(status),
        ends: ends.entries,
        counts: ends.counts,
        fill: (await fillableStore(request)) === undefined ? null : FILL,
        now: now(),
      }),
    )
  })

  router.post('/ops/sweep', operatorsOnly, async (request, response) => {
    const sweep = sessions.startClearSessions()
    // Without a queue the sweep ends before the call does. On one's own machine it can go on beside the answer,
    // and the page shows how far it is; an instance in the cloud has no processor when it answers nobody.
    if (await isLocal(request)) await atMost(PATIENCE, sweep, log)
    else await sweep
    response.redirect(303, '/ops')
  })

  router.post('/ops/fill', async (request, response, next) => {
    const fillable = await fillableStore(request)
    if (fillable === undefined) {
      next()
      return
    }
    await makeExpiredSessions(fillable, FILL, now())
    response.redirect(303, '/ops')
  })

  return router
}

/** How many sessions waited when a sweep began, as far as this process has seen it. */
class Progress {
  #run: string | null = null
  #total = 0

  totalOf({ lastSweep, backlog }: Status): number {
    // A run notes down what it did when a step is over. Until then, what is left says how far it is.
    const run = lastSweep?.id ?? null
    const seen = run === this.#run ? this.#total : (lastSweep?.scanned ?? 0) + backlog
    this.#run = run
    this.#total = Math.max(seen, backlog)
    return this.#total
  }
}

/** Whether the request comes from this machine, and this machine is nobody's production. */
async function isLocal(request: Request): Promise<boolean> {
  try {
    await local.check(request, 'status')
    return true
  } catch (error) {
    if (error instanceof CallerRefusedError) return false
    throw error
  }
}

function isAdmin(request: Request, users: readonly DemoUser[]): boolean {
  const { user } = sessionOf(request)
  return users.some(({ id, admin }) => id === user && admin === true)
}

/** Waits for the work, but not for long. A failure that comes later has nobody but the log to hear of it. */
async function atMost(
  milliseconds: number,
  work: Promise<unknown>,
  log: OpsParts['log'],
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      work.catch((error: unknown) => log('a sweep that the ops page started failed', error))
      resolve()
    }, milliseconds)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
