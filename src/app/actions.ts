import { type Request, type Response, Router } from 'express'
import { addToCart, type Cart, type CartAction, changeCart } from './cart.ts'
import { asLanguage, rememberLanguage } from './language.ts'
import { shortened } from './pages/format.ts'
import { PLACES } from './pages/layout.ts'
import {
  type Appearance,
  EXPIRY_CHOICES,
  type ExpiryChoice,
  type Notice,
  sessionOf,
  THEMES,
  type Theme,
} from './session-data.ts'
import type { DemoUser } from './users.ts'

/** A request that no form of ours sends. */
export class BadRequestError extends Error {
  override name = 'BadRequestError'
  readonly status = 400
}

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
    const theme = session.scope<Appearance>('appearance').get('theme')
    // The session goes on under a new id. Of the data, "persistentFieldsOnLogin" says what comes along;
    // scopes never do, so the looks are taken along by hand.
    await session.login(user, { data: { notice } })
    session.scope<Appearance>('appearance').set('theme', theme)
    // To the top of the page, where the notice stands.
    seeOther(response)
  })

  router.post('/logout', async (request, response) => {
    await sessionOf(request).logout()
    seeOther(response, 'account')
  })

  router.post('/session/renew', async (request, response) => {
    const session = sessionOf(request)
    const notice = noticeFor(request, 'renewed')
    await session.cycleKey()
    session.set('notice', notice)
    seeOther(response)
  })

  router.post('/session/reset', async (request, response) => {
    const session = sessionOf(request)
    const notice = noticeFor(request, 'reset')
    await session.reset()
    session.set('notice', notice)
    seeOther(response)
  })

  router.post('/session/expiry', (request, response) => {
    const choices = Object.keys(EXPIRY_CHOICES) as ExpiryChoice[]
    const choice = oneOf(choices, field(request, 'expiry'))
    const session = sessionOf(request)
    session.setExpiry(EXPIRY_CHOICES[choice])
    // The session knows when it ends, not which button that came from.
    session.update({ expiry: choice, notice: { about: 'expiry' } })
    seeOther(response)
  })

  router.post('/cart/add', (request, response) => {
    const session = sessionOf(request)
    const cart = session.setDefault('cart', { items: [] })
    // Changed in place, deep inside the value: the session finds out by itself.
    if (!addToCart(cart, field(request, 'name')))
      throw new BadRequestError('a cart item needs a name')
    seeOther(response, 'cart')
  })

  router.post('/cart/change', (request, response) => {
    const actionsOfCart: readonly CartAction[] = ['plus', 'minus', 'remove']
    const action = oneOf(actionsOfCart, field(request, 'action'))
    const cart: Cart | undefined = sessionOf(request).get('cart')
    if (cart !== undefined) changeCart(cart, Number(field(request, 'id')), action)
    seeOther(response, 'cart')
  })

  router.post('/theme', (request, response) => {
    const theme: Theme = oneOf(THEMES, field(request, 'theme'))
    const appearance = sessionOf(request).scope<Appearance>('appearance')
    appearance.set('theme', theme === 'system' ? undefined : theme)
    response.redirect(303, placeOf(request))
  })

  router.post('/language', (request, response) => {
    const language = asLanguage(field(request, 'language'))
    if (language === null) throw new BadRequestError('no such language')
    rememberLanguage(request, response, language)
    response.redirect(303, placeOf(request))
  })

  return router
}

/** 303: the browser asks for the page with GET, whatever it sent before. */
function seeOther(response: Response, section?: string): void {
  response.redirect(303, section === undefined ? '/' : `/#${section}`)
}

/** The page that the switches of the layout stand on. Only ours: an address from a form could lead anywhere. */
function placeOf(request: Request): string {
  const { back } = (request.body ?? {}) as Record<string, unknown>
  return PLACES.find((place) => place === back) ?? '/'
}

/** One field of the form; a missing or repeated one is refused, so that only text goes on from here. */
function field(request: Request, name: string): string {
  const body = request.body as Record<string, unknown> | undefined
  const value = body?.[name]
  if (typeof value !== 'string') throw new BadRequestError(`the form needs one field "${name}"`)
  return value
}

function oneOf<Value extends string>(allowed: readonly Value[], text: string): Value {
  const found = allowed.find((value) => value === text)
  if (found === undefined) throw new BadRequestError('the form has an unknown value')
  return found
}

function noticeFor(request: Request, about: Notice['about']): Notice {
  const { key } = sessionOf(request)
  return key === null ? { about } : { about, before: shortened(key) }
}
