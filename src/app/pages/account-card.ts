import { type Html, html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'
import type { DemoUser } from '../users.ts'
import { avatar } from './avatar.ts'
import { code } from './code.ts'
import { timeElement } from './format.ts'
import type { Texts } from './texts-en.ts'

export interface AccountView {
  readonly language: Language
  readonly users: readonly DemoUser[]
  /** The user who is signed in; `null` for a guest. */
  readonly user: DemoUser | null
  readonly authenticated: Date | null
  readonly now: number
  /** Where to go after the login; `null`: to the start page. */
  readonly returnTo: string | null
}

/** Signs users in and out. */
export function accountCard(view: AccountView, texts: Texts): Html {
  const { user, users, authenticated, now, language, returnTo } = view
  const { account } = texts
  const others = users.filter(({ id }) => id !== user?.id)
  return html`<section class="card" id="account" aria-labelledby="account-heading">
<h2 id="account-heading">${account.heading} <span class="badge warn">${account.demo}</span></h2>
<p class="hint">${user === null ? account.signedOut : account.signedIn} ${account.noPasswords}</p>
${
  user !== null &&
  html`<form class="person current" method="post" action="/logout">
${avatar(user)}<p class="who"><strong>${user.name}</strong>${authenticated !== null && html`<span class="hint">${account.since} ${timeElement(authenticated, now, language)}</span>`}</p>
<button class="button primary">${account.signOut}</button>
</form>
<p><a href="/devices">${account.devices}</a></p>
<h3>${account.switchUser}</h3>`
}
<form method="post" action="/login">
${returnTo !== null && html`<input type="hidden" name="returnTo" value="${returnTo}">`}
<ul class="people" aria-label="${account.users}">
${others.map(
  (
    other,
  ) => html`<li class="person">${avatar(other)}<p class="who"><strong>${other.name}</strong></p>
<button class="button" name="user" value="${other.id}" aria-label="${account.signInAs(other.name)}">${account.signIn}</button></li>
`,
)}</ul>
</form>
${code('login')}
</section>`
}
