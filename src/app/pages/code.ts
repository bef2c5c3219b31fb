import { type Html, html } from '../../express/console/html.ts'
import { SNIPPETS, type SnippetName } from '../snippets.ts'

/** The lines of this app that do the work of a card. */
export function code(name: SnippetName): Html {
  const { file, code: lines } = SNIPPETS[name]
  return html`<figure class="source" lang="en" translate="no">
<figcaption>${file}</figcaption>
<pre><code>${lines.split('\n').map((line) => html`<span>${line}\n</span>`)}</code></pre>
</figure>`
}
