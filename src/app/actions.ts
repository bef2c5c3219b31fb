import { type Request, Router } from 'express'
import { returnTo } from '../express/index.ts'
import { addToCart, type Cart, type CartAction, changeCart } from './cart.ts'
import { BadRequestError, field, oneOf, seeOther } from './forms.ts'
import { asLanguage, rememberLanguage } from './language.ts'
import { shortened } from './pages/format.ts'
import {
  type Appearance,
  EXPIRY_CHOICES,
  type ExpiryChoice,
  sessionOf,
  THEMES,
  type Theme,
} from './session-data.ts'
import type { DemoUser } from './users.ts'

/**
 * The forms of the start page. Each answers with a redirect, so that a reload repeats nothing. The session is stored
 * before the redirect leaves, so the next page sees it.
 */
export function actions(users: readonly DemoUser[]): Router {
  const router = Router()

  const ids = users.map(({ id }) => id)
  router.post('/login', async (request, response) => {
    const before = shortKey(request)
    // #region login
    const user = oneOf(ids, field(request, 'user'))
    const session = sessionOf(request)
    await session.login(user, { client: true })
    session.flash('notice', { about: 'login', before })
    seeOther(response, returnTo(request, '/'))
    // #endregion
  })

  router.post('/logout', async (request, response) => {
    const session = sessionOf(request)
    await session.logout()
    // The data of the old session has ended with it. This begins a new session.
    session.flash('notice', { about: 'logout' })
    seeOther(response, '/')
  })

  router.post('/session/renew', async (request, response) => {
    const session = sessionOf(request)
    const before = shortKey(request)
    // #region identity
    await session.cycleKey()
    session.flash('notice', { about: 'renewed', before })
    seeOther(response, '/')
    // #endregion
  })

  router.post('/session/reset', async (request, response) => {
    const session = sessionOf(request)
    const before = shortKey(request)
    await session.reset()
    session.flash('notice', { about: 'reset', before })
    seeOther(response, '/')
  })

  router.post('/session/expiry', (request, response) => {
    const choices = Object.keys(EXPIRY_CHOICES) as ExpiryChoice[]
    const choice = oneOf(choices, field(request, 'expiry'))
    // #region lifetime
    const session = sessionOf(request)
    // '30s', '10m', 0 until the browser closes, null for the rule
    session.setExpiry(EXPIRY_CHOICES[choice])
    session.set('expiry', choice)
    session.flash('notice', { about: 'expiry' })
    seeOther(response, '/')
    // #endregion
  })

  router.post('/cart/add', (request, response) => {
    const name = field(request, 'name')
    // #region cart
    const session = sessionOf(request)
    const cart = session.setDefault('cart', { items: [] })
    // Changed deep inside the value: the session finds out.
    if (!addToCart(cart, name)) throw new BadRequestError('no name')
    session.flash('notice', { about: 'cart' })
    seeOther(response, '/#cart')
    // #endregion
  })

  router.post('/cart/change', (request, response) => {
    const actionsOfCart: readonly CartAction[] = ['plus', 'minus', 'remove']
    const action = oneOf(actionsOfCart, field(request, 'action'))
    const session = sessionOf(request)
    const cart: Cart | undefined = session.get('cart')
    if (cart !== undefined) changeCart(cart, Number(field(request, 'id')), action)
    session.flash('notice', { about: 'cart' })
    seeOther(response, '/#cart')
  })

  router.post('/theme', (request, response) => {
    const theme: Theme = oneOf(THEMES, field(request, 'theme'))
    const appearance = sessionOf(request).scope<Appearance>('appearance')
    appearance.set('theme', theme === 'system' ? undefined : theme)
    seeOther(response, returnTo(request, '/'))
  })

  router.post('/language', (request, response) => {
    const language = asLanguage(field(request, 'language'))
    if (language === null) throw new BadRequestError('no such language')
    rememberLanguage(request, response, language)
    seeOther(response, returnTo(request, '/'))
  })

  return router
}

/** The first characters of the key, for a notice that shows how it has changed. */
function shortKey(request: Request): string | undefined {
  const { key } = sessionOf(request)
  return key === null ? undefined : shortened(key)
}
