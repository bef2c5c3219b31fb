import type { CartItem } from '../cart.ts'
import { type Html, html } from '../../express/console/html.ts'
import type { Looks } from '../looks.ts'
import { MAX_NOTE_LENGTH, type Order } from '../order-list.ts'
import type { Notice } from '../session-data.ts'
import { code } from './code.ts'
import { timeElement } from './format.ts'
import { page } from './layout.ts'
import { noticeBox } from './notice.ts'
import type { Texts } from './texts-en.ts'
import { textsIn } from './texts-in.ts'

export interface OrderView extends Looks {
  /** The items in the cart. */
  readonly items: readonly CartItem[]
  /** The security key of the form; `null`: there is none, since there is nothing to order. */
  readonly key: string | null
  /** The note of a form that did not count; `null`: none was sent. */
  readonly refused: string | null
  /** Newest first. */
  readonly orders: readonly Order[]
  readonly notice: Notice | null
  readonly now: number
}

/** The page with the form that counts once. */
export function orderPage(view: OrderView): string {
  const { language, refused, notice } = view
  const texts = textsIn(language)
  return page(
    { ...view, title: refused === null ? texts.order.title : texts.order.refused.heading },
    html`<div class="narrow">
<div class="intro">
<h1>${texts.order.title}</h1>
<p class="lead">${texts.order.lead}</p>
</div>
${noticeBox(notice, null, texts)}
${refused !== null && refusal(view, texts)}
${form(view, texts)}
${orderList(view, texts)}
</div>`,
  )
}

function refusal({ key }: OrderView, { order: { refused } }: Texts): Html {
  return html`<div class="notice caution" id="refused" role="alert">
<h2>${refused.heading}</h2>
<p>${refused.text}</p>
${key !== null && html`<p>${refused.retry}</p>`}
</div>`
}

function form({ items, key, refused }: OrderView, { order }: Texts): Html {
  if (key === null) {
    return html`<section class="card">
<p class="empty">${order.empty}</p>
<p><a class="button" href="/#cart">${order.fill}</a></p>
${code('order')}
</section>`
  }
  // autocomplete="off": otherwise Firefox puts the old key back when the page is reloaded.
  return html`<section class="card" aria-labelledby="form-heading">
<h2 id="form-heading">${order.form}</h2>
<ul class="lines">${items.map(({ name, quantity }) => html`<li><span class="name">${name}</span><span class="count">${quantity} ×</span></li>`)}</ul>
<form class="add" method="post" action="/order" autocomplete="off">
<input type="hidden" name="skey" value="${key}">
<label for="note">${order.note}</label>
<div class="row"><input id="note" name="note" maxlength="${MAX_NOTE_LENGTH}" value="${refused}"></div>
<div class="buttons"><button class="button primary" aria-describedby="form-hint">${order.place}</button><p class="hint" id="form-hint">${order.formHint}</p></div>
</form>
${code('order')}
</section>`
}

function orderList({ orders, now, language }: OrderView, { order, cart }: Texts): Html {
  return html`<section class="card" id="orders" aria-labelledby="orders-heading">
<h2 id="orders-heading">${order.orders}</h2>
<p class="hint">${order.ordersHint}</p>
${
  orders.length === 0
    ? html`<p class="empty">${order.noOrders}</p>`
    : html`<ul class="lines">${orders.map(
        ({ number, pieces, note, placed }) =>
          html`<li><span class="name"><strong>${order.number(number)}</strong><span class="hint">${timeElement(placed, now, language)}</span>${note !== '' && html`<span class="hint">${note}</span>`}</span><span class="count">${cart.pieces(pieces)}</span></li>`,
      )}</ul>`
}
${code('orders')}
</section>`
}
