import { type ErrorRequestHandler, type Request, type Response, Router } from 'express'
import { requireSecurityKey } from '../express/index.ts'
import { RequestRefusedError } from '../index.ts'
import { field, seeOther } from './forms.ts'
import { looksOf } from './looks.ts'
import { noteFrom, withOrder } from './order-list.ts'
import { orderPage } from './pages/order.ts'
import { type Notice, sessionOf } from './session-data.ts'

/** The purpose of the key of this form. The key of another form is refused here. */
const PURPOSE = 'order'

/** How long the form can be left open. */
const DURATION = '15m'

/**
 * A form that counts once. Its key is used up when the form is sent, so that a double click or the back button orders
 * nothing twice. The key also proves that the form comes from this app.
 */
export function ordering(now: () => number): Router {
  const router = Router()

  router.get('/order', async (request, response) => {
    await showOrder(request, response, now(), null)
  })

  router.post('/order', requireSecurityKey({ purpose: PURPOSE }), (request, response) => {
    const session = sessionOf(request)
    const note = field(request, 'note')
    const placed = new Date(now())
    // #region orders
    const cart = session.pop('cart', null)
    if (cart !== null && cart.items.length > 0) {
      const orders = session.get('orders') ?? []
      session.set('orders', withOrder(orders, cart, note, placed))
      session.flash('notice', { about: 'ordered' })
    }
    // #endregion
    seeOther(response, '/order')
  })

  // If the key is refused, shows the form again, with a new key and the typed note. The request came from a page of this
  // app: requireSameOrigin() has checked that before.
  const offerAgain: ErrorRequestHandler = async (error: unknown, request, response, next) => {
    if (!(error instanceof RequestRefusedError)) {
      next(error)
      return
    }
    const { note } = (request.body ?? {}) as Record<string, unknown>
    response.status(error.status)
    const refused = typeof note === 'string' ? noteFrom(note) : ''
    await showOrder(request, response, now(), refused)
  }
  router.use(offerAgain)

  return router
}

async function showOrder(
  request: Request,
  response: Response,
  now: number,
  refused: string | null,
): Promise<void> {
  const session = sessionOf(request)
  const { items } = session.get('cart') ?? { items: [] }
  // Each key costs a write, so a page without a form gets none.
  const hasForm = items.length > 0 && request.method !== 'HEAD'
  // #region order
  // The form carries the key; POST /order takes it only once:
  // router.post('/order', requireSecurityKey({ purpose: 'order' }), …)
  const key = hasForm
    ? await session.getSecurityKey({ purpose: PURPOSE, duration: DURATION })
    : null
  // #endregion
  // With no-store, the back button asks for the page again, and gets a new key.
  response.set('Cache-Control', 'no-store')
  response.send(
    orderPage({
      ...looksOf(request),
      place: '/order',
      now,
      items,
      key,
      refused,
      orders: session.get('orders') ?? [],
      notice: session.flashed<Notice>('notice') ?? null,
    }),
  )
}
