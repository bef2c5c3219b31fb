import { type ErrorRequestHandler, type Request, type Response, Router } from 'express'
import { requireSecurityKey } from '../express/index.ts'
import { RequestRefusedError } from '../index.ts'
import { field, seeOther } from './forms.ts'
import { looksOf } from './looks.ts'
import { noteFrom, withOrder } from './order-list.ts'
import { orderPage } from './pages/order.ts'
import { type Notice, sessionOf } from './session-data.ts'

/** What the key of the form is good for: one that was made for another form does not pass here. */
const PURPOSE = 'order'

/** How long the form can be left open. */
const DURATION = '15m'

/**
 * A form that counts once: the key in it is used up when it is sent, so that a double click or the back button orders
 * nothing twice. It also is one more proof that the form is ours.
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

  // Where the key is refused: the form once more, with a new key and what was typed. The request did come from a page
  // of ours, or requireSameOrigin() would have refused it before.
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
  // Every view makes a key, and stores it; so there is none where there is no form.
  const hasForm = items.length > 0 && request.method !== 'HEAD'
  // #region order
  // The form carries the key; POST /order takes it only once:
  // router.post('/order', requireSecurityKey({ purpose: 'order' }), …)
  const key = hasForm
    ? await session.getSecurityKey({ purpose: PURPOSE, duration: DURATION })
    : null
  // #endregion
  // The back button asks for the page again, and gets a key that counts.
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
