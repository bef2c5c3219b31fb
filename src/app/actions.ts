import { type Request, Router } from 'express'
import { addToCart, type Cart, type CartAction, changeCart } from './cart.ts'
import { BadRequestError, field, oneOf, seeOther } from './forms.ts'
import { asLanguage, rememberLanguage } from './language.ts'
import { shortened } from './pages/format.ts'
import { PLACES } from './places.ts'
import {
  type Appearance,
  EXPIRY_CHOICES,
  type ExpiryChoice,
  type Notice,
  sessionOf,
  THEMES,
  type Theme,
} from './session-data.ts'
import { signIn } from './signing-in.ts'
import type { DemoUser } from './users.ts'

/**
 * What the forms do. Each answers with a redirect to the page, so that a reload repeats nothing; the
 * session is stored before the redirect leaves, so the page that follows sees it.
 */
export function actions(users: readonly DemoUser[]): Router {
  const router = Router()

  router.post('/login', async (request, response) => {
    const user = oneOf(
      users.map(({ id }) => id),
      field(request, 'user'),
    )
    const session = sessionOf(request)
    const notice = noticeFor(request, 'login')
    await signIn(session, user, { notice })
    // To the top of the page, where the notice stands.
    seeOther(response, '/')
  })

  router.post('/logout', async (request, response) => {
    await sessionOf(request).logout()
    seeOther(response, '/#account')
  })

  router.post('/session/renew', async (request, response) => {
    const session = sessionOf(request)
    const notice = noticeFor(request, 'renewed')
    await session.cycleKey()
    session.set('notice', notice)
    seeOther(response, '/')
  })

  router.post('/session/reset', async (request, response) => {
    const session = sessionOf(request)
    const notice = noticeFor(request, 'reset')
    await session.reset()
    session.set('notice', notice)
    seeOther(response, '/')
  })

  router.post('/session/expiry', (request, response) => {
    const choices = Object.keys(EXPIRY_CHOICES) as ExpiryChoice[]
    const choice = oneOf(choices, field(request, 'expiry'))
    const session = sessionOf(request)
    session.setExpiry(EXPIRY_CHOICES[choice])
    // The session knows when it ends, not which button that came from.
    session.update({ expiry: choice, notice: { about: 'expiry' } })
    seeOther(response, '/')
  })

  router.post('/cart/add', (request, response) => {
    const session = sessionOf(request)
    const cart = session.setDefault('cart', { items: [] })
    // Changed in place, deep inside the value: the session finds out by itself.
    if (!addToCart(cart, field(request, 'name')))
      throw new BadRequestError('a cart item needs a name')
    seeOther(response, '/#cart')
  })

  router.post('/cart/change', (request, response) => {
    const actionsOfCart: readonly CartAction[] = ['plus', 'minus', 'remove']
    const action = oneOf(actionsOfCart, field(request, 'action'))
    const cart: Cart | undefined = sessionOf(request).get('cart')
    if (cart !== undefined) changeCart(cart, Number(field(request, 'id')), action)
    seeOther(response, '/#cart')
  })

  router.post('/theme', (request, response) => {
    const theme: Theme = oneOf(THEMES, field(request, 'theme'))
    const appearance = sessionOf(request).scope<Appearance>('appearance')
    appearance.set('theme', theme === 'system' ? undefined : theme)
    seeOther(response, placeOf(request))
  })

  router.post('/language', (request, response) => {
    const language = asLanguage(field(request, 'language'))
    if (language === null) throw new BadRequestError('no such language')
    rememberLanguage(request, response, language)
    seeOther(response, placeOf(request))
  })

  return router
}

/** The page that the switches of the layout stand on. Only ours: an address from a form could lead anywhere. */
function placeOf(request: Request): string {
  const { back } = (request.body ?? {}) as Record<string, unknown>
  return PLACES.find((place) => place === back) ?? '/'
}

function noticeFor(request: Request, about: Notice['about']): Notice {
  const { key } = sessionOf(request)
  return key === null ? { about } : { about, before: shortened(key) }
}
