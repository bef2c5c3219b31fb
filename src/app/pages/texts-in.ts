import type { Language } from '../language.ts'
import { german } from './texts-de.ts'
import { english, type Texts } from './texts-en.ts'

const TEXTS: Readonly<Record<Language, Texts>> = { en: english, de: german }

/** The texts of a language. */
export function textsIn(language: Language): Texts {
  return TEXTS[language]
}
