import { type Html, html } from '../../express/console/html.ts'
import type { Notice } from '../session-data.ts'
import { shortened } from './format.ts'
import type { Texts } from './texts-en.ts'

/** The box of a notice; nothing for `null`. `key`: the key that the session has now. */
export function noticeBox(notice: Notice | null, key: string | null, texts: Texts): Html | false {
  if (notice === null) return false
  const { about, before, count = 0 } = notice
  const change =
    before !== undefined &&
    key !== null &&
    html` <span class="change">${texts.keyChanged} <code>${before}</code> → <code>${shortened(key)}</code></span>`
  const text =
    about === 'othersEnded' || about === 'filled' ? texts[about](count) : texts.notices[about]
  return html`<div class="notice" role="status"><p>${text}${change}</p></div>`
}
