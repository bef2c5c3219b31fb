import { type Html, html } from '../../express/console/html.ts'
import { LANGUAGES, type Language } from '../language.ts'
import type { Place } from '../places.ts'
import { THEMES, type Theme } from '../session-data.ts'
import { STYLE_URL } from '../style.ts'
import type { Texts } from './texts.ts'
import { textsIn } from './texts-in.ts'

/** What every page needs. */
export interface PageOptions {
  readonly language: Language
  readonly theme: Theme
  /** What stands before the name of the app in the title. */
  readonly title?: string
  /** Whether the switch of the theme is there: it needs a session that works. */
  readonly withTheme: boolean
  /** Which page it is. Default: the start page, or one that nobody goes back to. */
  readonly place?: Place
}

const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' }

/** A whole document around the content of a page. */
export function page(options: PageOptions, content: Html): string {
  const { language, theme, title, withTheme, place = '/' } = options
  const texts = textsIn(language)
  const pages = [
    ['/', texts.start],
    ['/order', texts.order.title],
    ['/devices', texts.devices.title],
    ['/ops', texts.operations.title],
  ] as const
  const links = pages.map(
    ([link, name]) => html`<a href="${link}"${current(link, options)}>${name}</a> `,
  )
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
<a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28"><span>viur-session</span><span class="badge">${texts.badge}</span></a>
<div class="controls">
${withTheme && themeSwitch(texts, theme, place)}
${languageSwitch(texts, language, place)}
</div>
</div>
</header>
<main id="content" tabindex="-1">
${content}
</main>
<footer class="foot"><p>${texts.footer}</p><nav aria-label="${texts.pages}">${links}</nav></footer>
</body>
</html>
`
  return document.toString()
}

/** Says which link leads to where one is. */
function current(link: Place, { place }: PageOptions): Html | false {
  return link === place && html` aria-current="page"`
}

function themeSwitch(texts: Texts, theme: Theme, place: Place): Html {
  const buttons = THEMES.map(
    (choice) =>
      html`<button name="theme" value="${choice}" aria-pressed="${String(choice === theme)}">${texts.themes[choice]}</button>`,
  )
  return html`<form method="post" action="/theme">${back(place)}<div class="segments" role="group" aria-label="${texts.theme}">${buttons}</div></form>`
}

function languageSwitch(texts: Texts, language: Language, place: Place): Html {
  const buttons = LANGUAGES.map(
    (choice) =>
      html`<button name="language" value="${choice}" lang="${choice}" aria-label="${LANGUAGE_NAMES[choice]}" title="${LANGUAGE_NAMES[choice]}" aria-pressed="${String(choice === language)}">${choice.toUpperCase()}</button>`,
  )
  return html`<form method="post" action="/language">${back(place)}<div class="segments" role="group" aria-label="${texts.language}">${buttons}</div></form>`
}

function back(place: Place): Html | false {
  return place !== '/' && html`<input type="hidden" name="back" value="${place}">`
}
