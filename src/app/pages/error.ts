import { html } from '../../express/console/html.ts'
import type { Looks } from '../looks.ts'
import { page } from './layout.ts'
import type { Problem } from './texts-en.ts'
import { textsIn } from './texts-in.ts'

/** A page that tells visitors what went wrong. It shows nothing of the app's internals. */
export function errorPage(
  status: number,
  problem: Problem,
  looks: Looks,
  next: { readonly href: string; readonly text?: string } = { href: '/' },
): string {
  const texts = textsIn(looks.language)
  const { heading, text } = texts.problems[problem]
  const { href, text: link = href.startsWith('/login') ? texts.login.title : texts.home } = next
  return page(
    { ...looks, title: heading },
    html`<section class="problem">
<p class="status">${status}</p>
<h1>${heading}</h1>
<p>${text}</p>
<p><a class="button primary" href="${href}">${link}</a></p>
</section>`,
  )
}
