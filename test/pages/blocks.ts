import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Programs write the reference and the interface from the source; `.ci/run` compares them with it. */
const GENERATED = /^(?:docs\/reference|test\/interface)\//

/** Folders that tools and tests create in the repository. Other tools hide theirs behind a dot. */
const NOT_OURS = ['node_modules', 'dist', 'coverage', 'screenshots']

const isOurs = (folder: string): boolean =>
  !NOT_OURS.includes(folder) && (!folder.startsWith('.') || folder === '.github')

/** The pages in a folder and below it. */
function pagesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return isOurs(entry.name) ? pagesIn(path) : []
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** Every page of the repository, by its path. */
export const ALL_PAGES: readonly string[] = pagesIn('')

/** The pages that people write by hand. */
export const PAGES: readonly string[] = ALL_PAGES.filter((path) => !GENERATED.test(path))

export interface Block {
  readonly page: string
  /** The line of the page at which the block opens, counted from 1. */
  readonly line: number
  /** The word after the three backticks. */
  readonly language: string
  /** The text between the fences, without the indent that all lines share. */
  readonly code: string
  /** The last line of prose before it. */
  readonly before: string
  /** The heading of the second level above it. */
  readonly chapter: string
}

/** All fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = []
  let open: (Omit<Block, 'page' | 'code'> & { indent: number }) | undefined
  let inside: string[] = []
  let before = ''
  let chapter = ''
  for (const [at, text] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    const [, indent = '', language = ''] = /^( *)```(.*)$/.exec(text) ?? []
    const isFence = /^ *```/.test(text)
    if (open !== undefined && !isFence) inside.push(text)
    else if (open !== undefined) {
      const { indent: width, ...rest } = open
      blocks.push({ page, code: inside.map((one) => `${one.slice(width)}\n`).join(''), ...rest })
      open = undefined
    } else if (isFence) {
      open = { line: at + 1, indent: indent.length, language: language.trim(), before, chapter }
      inside = []
    } else {
      if (text.trim() !== '') before = text
      chapter = /^## (.*)$/.exec(text)?.[1] ?? chapter
    }
  }
  if (open !== undefined) throw new Error(`${page}:${open.line} opens a block that is never closed`)
  return blocks
}

export const BLOCKS: readonly Block[] = PAGES.flatMap(blocksOf)
