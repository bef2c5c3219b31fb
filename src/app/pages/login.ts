import { html } from '../../express/console/html.ts'
import type { Looks } from '../looks.ts'
import { type AccountView, accountCard } from './account-card.ts'
import { code } from './code.ts'
import { page } from './layout.ts'
import { textsIn } from './texts-in.ts'

export interface LoginView extends Looks, AccountView {
  readonly returnTo: string
}

/** The page that asks for a login, and returns to the page that needs one. */
export function loginPage(view: LoginView): string {
  const texts = textsIn(view.language)
  const { title, lead, back, backHint } = texts.login
  return page(
    { ...view, title },
    html`<div class="narrow">
<div class="intro">
<h1>${title}</h1>
<p class="lead">${lead} <code>${view.returnTo}</code></p>
</div>
${accountCard(view, texts)}
<section class="card" aria-labelledby="back-heading">
<h2 id="back-heading">${back}</h2>
<p class="hint">${backHint}</p>
${code('returnTo')}
</section>
</div>`,
  )
}
