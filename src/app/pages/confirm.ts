import { html } from '../../express/console/html.ts'
import type { Looks } from '../looks.ts'
import type { DemoUser } from '../users.ts'
import { avatar } from './avatar.ts'
import { code } from './code.ts'
import { page } from './layout.ts'
import { textsIn } from './texts-in.ts'

export interface ConfirmView extends Looks {
  readonly user: DemoUser
  /** The page to return to. */
  readonly back: string
}

/** The page where users show again who they are. */
export function confirmPage(view: ConfirmView): string {
  const { language, user, back } = view
  const { confirm } = textsIn(language)
  return page(
    { ...view, title: confirm.title },
    html`<div class="narrow">
<div class="intro">
<h1>${confirm.title}</h1>
<p class="lead">${confirm.lead}</p>
</div>
<form class="card" method="post" action="/confirm">
<div class="person">${avatar(user)}<p class="who"><strong>${user.name}</strong></p></div>
<p class="hint" id="confirm-hint">${confirm.hint}</p>
<div class="buttons"><button class="button primary" aria-describedby="confirm-hint">${confirm.signInAgain(user.name)}</button>
<a class="button" href="${back}">${confirm.cancel}</a></div>
${code('fresh')}
</form>
</div>`,
  )
}
