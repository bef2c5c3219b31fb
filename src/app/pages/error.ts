import { html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'
import type { Place } from '../places.ts'
import type { Theme } from '../session-data.ts'
import { page } from './layout.ts'
import type { Problem } from './texts.ts'
import { textsIn } from './texts-in.ts'

export interface ErrorPageOptions {
  readonly language: Language
  readonly theme: Theme
  /** Where to go from here. Default: the start page. */
  readonly next?: { readonly href: Place; readonly text: string }
}

/** A page that says what went wrong in words for a visitor, and nothing of how this works inside. */
export function errorPage(
  status: number,
  problem: Problem,
  { language, theme, next }: ErrorPageOptions,
): string {
  const texts = textsIn(language)
  const { heading, text } = texts.problems[problem]
  const { href, text: link } = next ?? { href: '/', text: texts.home }
  return page(
    { language, theme, title: heading, withTheme: false },
    html`<section class="problem">
<p class="status">${status}</p>
<h1>${heading}</h1>
<p>${text}</p>
<p><a class="button primary" href="${href}">${link}</a></p>
</section>`,
  )
}
