import { type Html, html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'
import { ABSOLUTE_LIFETIME } from '../sessions.ts'
import { duration } from './format.ts'
import type { Texts } from './texts-en.ts'

/** The times of a session, in milliseconds since the epoch. */
export interface Life {
  /** The login, or for a guest the first visit. */
  readonly began: number
  readonly now: number
  /** When it ends if it is not used again. */
  readonly expires: number
}

/** The size of the drawing in its own units. It is stretched to the width of its place. */
const WIDTH = 1000
const HEIGHT = 32

/** The least width of the span until the idle limit, so that it stays visible. */
const VISIBLE = 6

/** Draws the life of a session as a line, from its start to the absolute limit. */
export function lifeLine({ began, now, expires }: Life, texts: Texts, language: Language): Html {
  const { life } = texts
  const x = (time: number): number =>
    Math.min(WIDTH, Math.max(0, Math.round(((time - began) / ABSOLUTE_LIFETIME) * WIDTH)))
  const used = Math.min(x(now), WIDTH - VISIBLE)
  const idle = Math.max(x(expires), used + VISIBLE)
  const spans = {
    used: duration(now - began, language),
    idle: duration(expires - now, language),
    absolute: duration(began + ABSOLUTE_LIFETIME - now, language),
  }
  return html`<figure class="life">
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-labelledby="life-title life-desc">
<title id="life-title">${life.drawing}</title>
<desc id="life-desc">${life.describe(spans.used, spans.idle, spans.absolute)}</desc>
<rect class="rest" x="0" y="12" width="${WIDTH}" height="8"/>
<rect class="idle" x="${used}" y="8" width="${idle - used}" height="16"/>
<rect class="used" x="0" y="8" width="${used}" height="16"/>
<path class="now" d="M${used} 0V${HEIGHT}"/>
<path class="limit" d="M${idle} 2V${HEIGHT - 2}M${WIDTH - 1} 2V${HEIGHT - 2}"/>
</svg>
<figcaption><ul class="legend">
<li class="used">${life.used} <strong id="life-used">${spans.used}</strong></li>
<li class="idle">${life.idle} <strong id="life-idle">${spans.idle}</strong></li>
<li class="rest">${life.absolute} <strong id="life-absolute">${spans.absolute}</strong></li>
</ul></figcaption>
</figure>`
}
