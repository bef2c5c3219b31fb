import { type Request, Router } from 'express'
import { localOnly } from '../express/index.ts'
import { CallerRefusedError, type SessionStore } from '../index.ts'
import type { ConsoleAccess, StoreName } from './config.ts'
import type { EndCounts } from './end-counts.ts'
import { makeExpiredSessions } from './expired-sessions.ts'
import { seeOther } from './forms.ts'
import { looksOf } from './looks.ts'
import { errorPage } from './pages/error.ts'
import { operationsPage } from './pages/operations.ts'
import { type Notice, sessionOf } from './session-data.ts'

export interface OperationsParts {
  readonly storeName: StoreName
  /** Where expired sessions may be made. */
  readonly store: SessionStore | undefined
  /** People who may open the console. */
  readonly access: ConsoleAccess['kind']
  readonly ends: EndCounts
  readonly now: () => number
}

/** How many expired sessions one press of the button makes. */
const FILL = 1000

const local = localOnly()

/** A page that explains operations. The pages for operators are the console of viur-session. */
export function operations({ storeName, store, access, ends, now }: OperationsParts): Router {
  const router = Router()

  /** Only on a developer's machine, and never in a store that others share. */
  async function fillableStore(request: Request): Promise<SessionStore | undefined> {
    return storeName !== 'datastore' && (await isLocal(request)) ? store : undefined
  }

  router.get('/ops', async (request, response) => {
    response.set('Cache-Control', 'no-store')
    response.send(
      operationsPage({
        ...looksOf(request),
        access,
        ends: ends.entries(),
        fill: (await fillableStore(request)) === undefined ? null : FILL,
        notice: sessionOf(request).flashed<Notice>('notice') ?? null,
      }),
    )
  })

  router.post('/ops/fill', async (request, response, next) => {
    const fillable = await fillableStore(request)
    if (fillable === undefined) {
      next()
      return
    }
    // #region fill
    await makeExpiredSessions(fillable, FILL, now())
    const notice: Notice = { about: 'filled', count: FILL }
    sessionOf(request).flash('notice', notice)
    seeOther(response, '/ops')
    // #endregion
  })

  // Reached only if the console is not mounted.
  router.use('/_console', (request, response) => {
    response.status(403).set('Cache-Control', 'no-store')
    response.send(errorPage(403, 'consoleClosed', looksOf(request)))
  })

  return router
}

/** Whether the request comes from this machine, and this machine is not in production. */
async function isLocal(request: Request): Promise<boolean> {
  try {
    await local.check(request, 'status')
    return true
  } catch (error) {
    if (error instanceof CallerRefusedError) return false
    throw error
  }
}
