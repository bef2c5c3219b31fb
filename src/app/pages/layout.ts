import { type Html, html } from '../../express/console/html.ts'
import { LANGUAGES, type Language } from '../language.ts'
import type { Looks } from '../looks.ts'
import { THEMES } from '../session-data.ts'
import { STYLE_URL } from '../style.ts'
import type { Texts } from './texts-en.ts'
import { textsIn } from './texts-in.ts'

/** Options of every page. */
export interface PageOptions extends Looks {
  /** The part of the title before the name of the app. */
  readonly title?: string
}

const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' }

/** A whole document around the content of a page. */
export function page({ title, ...looks }: PageOptions, content: Html): string {
  const { language, theme, isGuest } = looks
  const texts = textsIn(language)
  const document = html`<!doctype html>
<html lang="${language}" data-theme="${theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme === 'system' ? 'light dark' : theme}">
<meta name="robots" content="noindex">
<title>${title === undefined ? '' : `${title} - `}${texts.title}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${STYLE_URL}">
</head>
<body>
<a class="skip" href="#content">${texts.skip}</a>
<header class="bar">
<div class="bar-inner">
<a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28"><span>viur-session</span></a>
${navigation(looks, texts)}
</div>
</header>
<main id="content" tabindex="-1">
${content}
</main>
<footer class="foot">
<p>${texts.title}. ${texts.footer}</p>
<div class="controls">
${isGuest !== null && themeSwitch(looks, texts)}
${languageSwitch(looks, texts)}
</div>
</footer>
</body>
</html>
`
  return document.toString()
}

function navigation({ place, isGuest }: Looks, texts: Texts): Html {
  const [path] = place.split('?')
  const link = (to: string, name: string): Html =>
    html`<li><a href="${to}"${to.split('?')[0] === path && html` aria-current="page"`}>${name}</a></li>`
  return html`<nav aria-label="${texts.pages}"><ul>
${link('/', texts.start)}
${link('/order', texts.order.title)}
${link('/devices', texts.devices.title)}
${link('/ops', texts.operations.title)}
${isGuest === true && path !== '/login' && link(`/login?returnTo=${encodeURIComponent(place)}`, texts.login.title)}
</ul></nav>`
}

function themeSwitch({ theme, place }: Looks, texts: Texts): Html {
  const buttons = THEMES.map(
    (choice) =>
      html`<button name="theme" value="${choice}" aria-pressed="${String(choice === theme)}">${texts.themes[choice]}</button>`,
  )
  return html`<form method="post" action="/theme">${back(place)}<div class="segments" role="group" aria-label="${texts.theme}">${buttons}</div></form>`
}

function languageSwitch({ language, place }: Looks, texts: Texts): Html {
  const buttons = LANGUAGES.map(
    (choice) =>
      html`<button name="language" value="${choice}" lang="${choice}" aria-pressed="${String(choice === language)}">${LANGUAGE_NAMES[choice]}</button>`,
  )
  return html`<form method="post" action="/language">${back(place)}<div class="segments" role="group" aria-label="${texts.language}">${buttons}</div></form>`
}

function back(place: string): Html {
  return html`<input type="hidden" name="returnTo" value="${place}">`
}
