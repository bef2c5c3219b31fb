import { html } from '../html.ts'
import type { Language } from '../language.ts'
import type { Theme } from '../session-data.ts'
import { page } from './layout.ts'
import { type Problem, textsIn } from './texts.ts'

/** A page that says what went wrong in words for a visitor, and nothing of how this works inside. */
export function errorPage(
  status: number,
  problem: Problem,
  options: { readonly language: Language; readonly theme: Theme },
): string {
  const texts = textsIn(options.language)
  const { heading, text } = texts.problems[problem]
  return page(
    { ...options, title: heading, withTheme: false },
    html`<section class="problem">
<p class="status">${status}</p>
<h1>${heading}</h1>
<p>${text}</p>
<p><a class="button primary" href="/">${texts.home}</a></p>
</section>`,
  )
}
