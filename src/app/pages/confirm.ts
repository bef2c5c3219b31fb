import { html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'
import type { Place } from '../places.ts'
import type { Theme } from '../session-data.ts'
import type { DemoUser } from '../users.ts'
import { avatar } from './avatar.ts'
import { page } from './layout.ts'
import { textsIn } from './texts-in.ts'

export interface ConfirmView {
  readonly language: Language
  readonly theme: Theme
  readonly user: DemoUser
  /** Where one comes from, and goes back to. */
  readonly back: Place
}

/** The page where users show again who they are. */
export function confirmPage({ language, theme, user, back }: ConfirmView): string {
  const { confirm } = textsIn(language)
  return page(
    { language, theme, title: confirm.title, withTheme: true, place: '/confirm' },
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
</form>
</div>`,
  )
}
