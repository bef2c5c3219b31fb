import { type Cart, countPieces, MAX_NAME_LENGTH } from '../cart.ts'
import { type Html, html } from '../../express/console/html.ts'
import type { Looks } from '../looks.ts'
import { EXPIRY_CHOICES, type ExpiryChoice, type Notice, type RaceResult } from '../session-data.ts'
import type { DemoUser } from '../users.ts'
import { accountCard } from './account-card.ts'
import { code } from './code.ts'
import { duration } from './format.ts'
import { page } from './layout.ts'
import { lifeLine } from './life-line.ts'
import { noticeBox } from './notice.ts'
import { raceCard } from './race-card.ts'
import { type SessionFacts, sessionPanel } from './session-panel.ts'
import type { Texts } from './texts-en.ts'
import { textsIn } from './texts-in.ts'

/** Everything that the start page shows. */
export interface HomeView extends Looks {
  readonly users: readonly DemoUser[]
  /** The user who is signed in; `null` for a guest. */
  readonly user: DemoUser | null
  readonly visits: number
  readonly cart: Cart
  readonly expiry: ExpiryChoice
  readonly notice: Notice | null
  /** The outcome of a race that the visitor has just started. */
  readonly race: RaceResult | null
  readonly now: number
  readonly facts: SessionFacts
}

/** The start page. */
export function homePage(view: HomeView): string {
  const { language, notice, facts, now } = view
  const texts = textsIn(language)
  const { authenticated } = facts
  return page(
    view,
    html`<div class="intro">
<h1>${texts.heading}</h1>
<p class="lead">${texts.lead}</p>
</div>
${notice?.about !== 'cart' && noticeBox(notice, facts.key, texts)}
${overview(view, texts)}
${lifeCard(view, texts)}
<div class="cards">
${accountCard({ ...view, authenticated, returnTo: null }, texts)}
${cartCard(view, texts)}
${raceCard(view.race, texts)}
${browsersCard(texts)}
${expiryCard(view.expiry, texts)}
${identityCard(texts)}
</div>
${sessionPanel(facts, now, texts, language)}`,
  )
}

function overview({ visits, user, facts, language }: HomeView, texts: Texts): Html {
  const { overview: labels } = texts
  const store = texts.stores[facts.storeName]
  return html`<section aria-labelledby="overview-heading">
<h2 class="hidden" id="overview-heading">${labels.heading}</h2>
<dl class="tiles">
${tile(labels.visits, String(visits), labels.visitsHint, 'visits')}
${tile(labels.user, user?.name ?? texts.nobody, labels.userHint, 'user')}
${tile(labels.expires, duration(facts.expiryAge, language), labels.expiresHint, 'expires')}
${tile(labels.store, store.name, store.hint, 'store')}
</dl>
</section>`
}

function tile(label: string, value: string, hint: string, id: string): Html {
  return html`<div class="tile"><dt>${label}</dt><dd id="${id}" class="value">${value}</dd><dd class="hint">${hint}</dd></div>`
}

function lifeCard({ facts, now, language }: HomeView, texts: Texts): Html {
  const { life } = texts
  const began = (facts.authenticated ?? facts.created)?.getTime() ?? now
  return html`<section class="card" aria-labelledby="life-heading">
<h2 id="life-heading">${life.heading}</h2>
<p class="hint">${life.hint}</p>
${lifeLine({ began, now, expires: facts.expires.getTime() }, texts, language)}
${code('limits')}
</section>`
}

function browsersCard({ browsers, devices }: Texts): Html {
  return html`<section class="card" aria-labelledby="browsers-heading">
<h2 id="browsers-heading">${browsers.heading}</h2>
<p class="hint">${browsers.hint}</p>
<ol class="steps">${browsers.steps.map((step) => html`<li>${step}</li>`)}</ol>
<p><a class="button" href="/devices">${devices.title}</a></p>
${code('endOne')}
</section>`
}

function cartCard({ cart, notice, facts }: HomeView, texts: Texts): Html {
  const labels = texts.cart
  const items = cart.items.map(
    ({ id, name, quantity }) => html`<li><form class="item" method="post" action="/cart/change">
<input type="hidden" name="id" value="${id}">
<span class="name">${name}</span>
<span class="stepper"><button name="action" value="minus" aria-label="${labels.less(name)}">−</button><span class="count"><span class="hidden">${labels.quantity} </span>${quantity}</span><button name="action" value="plus" aria-label="${labels.more(name)}">+</button></span>
<button class="button quiet" name="action" value="remove" aria-label="${labels.remove(name)}">${labels.removeShort}</button>
</form></li>
`,
  )
  return html`<section class="card" id="cart" aria-labelledby="cart-heading">
<h2 id="cart-heading">${labels.heading}${items.length > 0 && html` <span class="badge">${labels.pieces(countPieces(cart))}</span>`}</h2>
<p class="hint">${labels.hint}</p>
${notice?.about === 'cart' && noticeBox(notice, facts.key, texts)}
${
  items.length === 0
    ? html`<p class="empty">${labels.empty}</p>`
    : html`<ul class="items">${items}</ul>
<p><a class="button" href="/order">${labels.order}</a></p>`
}
<form class="add" method="post" action="/cart/add">
<label for="item-name">${labels.label}</label>
<div class="row">
<input id="item-name" name="name" required maxlength="${MAX_NAME_LENGTH}" autocomplete="off" list="suggestions" placeholder="${labels.placeholder}">
<button class="button primary">${labels.add}</button>
</div>
<datalist id="suggestions">${labels.suggestions.map((name) => html`<option value="${name}">`)}</datalist>
</form>
${code('cart')}
</section>`
}

function expiryCard(current: ExpiryChoice, texts: Texts): Html {
  const labels = texts.expiry
  const choices = Object.keys(EXPIRY_CHOICES) as ExpiryChoice[]
  return html`<section class="card" id="lifetime" aria-labelledby="lifetime-heading">
<h2 id="lifetime-heading">${labels.heading}</h2>
<p class="hint">${labels.hint}</p>
<form method="post" action="/session/expiry">
<fieldset>
<legend class="hidden">${labels.legend}</legend>
${choices.map(
  (
    choice,
  ) => html`<label class="choice"><input type="radio" name="expiry" value="${choice}"${choice === current && html` checked`}>
<span>${labels.choices[choice].name}</span><span class="hint">${labels.choices[choice].hint}</span></label>
`,
)}</fieldset>
<button class="button">${labels.apply}</button>
</form>
${code('lifetime')}
</section>`
}

function identityCard(texts: Texts): Html {
  const labels = texts.identity
  return html`<section class="card" id="identity" aria-labelledby="identity-heading">
<h2 id="identity-heading">${labels.heading}</h2>
<p class="hint">${labels.hint}</p>
<form class="action" method="post" action="/session/renew">
<button class="button" aria-describedby="renew-hint">${labels.renew}</button>
<p class="hint" id="renew-hint">${labels.renewHint}</p>
</form>
<form class="action" method="post" action="/session/reset">
<button class="button danger" aria-describedby="reset-hint">${labels.reset}</button>
<p class="hint" id="reset-hint">${labels.resetHint}</p>
</form>
${code('identity')}
</section>`
}
