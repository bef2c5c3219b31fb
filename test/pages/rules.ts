import type { Block } from './blocks.ts'

/** How the tests check a block. */
export type Way =
  /** It is compiled, and runs as an ES module and in CommonJS: code.test.ts. */
  | { readonly way: 'runs'; readonly since?: string }
  /** It is compiled. `why`: the reason for which it does not run here. */
  | { readonly way: 'compiled'; readonly why: string }
  /** It is only parsed. `why`: the reason for which we cannot check more. */
  | { readonly way: 'parsed'; readonly why: string }
  /** A test with the framework checks it: a file that names the page. */
  | { readonly way: 'test'; readonly file: string }
  /** Its commands exist: shell.test.ts. */
  | { readonly way: 'commands' }
  /** It agrees with the file or the source from which it shows a part: blocks.test.ts. */
  | { readonly way: 'data' }

interface Rule {
  readonly language: RegExp
  readonly page?: RegExp
  /** The beginning of the code, or of the prose before it. */
  readonly code?: RegExp
  readonly before?: RegExp
  readonly is: Way | ((block: Block) => Way)
}

const FILE = /^(?:\/\/|#|<!--) (?:[\w.+[\]()$-]+\/)*[\w.+[\]()$-]+\.\w+(?: -->)?\n/

/** The folders of test/frameworks whose name differs from the name of the page. */
const FOLDERS: Readonly<Record<string, string>> = { 'graphql-yoga': 'yoga' }

/** The first matching rule counts. A block without a matching rule fails the test. */
const RULES: readonly Rule[] = [
  {
    // The test unpacks its files from the page, and runs them with the framework.
    language: /^(?:tsx?|svelte)$/,
    page: /^docs\/frameworks\//,
    code: FILE,
    is: ({ page }) => {
      const name = /([\w-]+)\.md$/.exec(page)?.[1] as string
      const folder = FOLDERS[name] ?? name
      return { way: 'test', file: `test/frameworks/${folder}/${folder}.test.mjs` }
    },
  },
  {
    language: /^(?:js|python)$/,
    page: /^docs\/coming-from\//,
    before: /^There\b/,
    is: { way: 'parsed', why: 'code of another system, which readers of the page have' },
  },
  {
    language: /^js$/,
    page: /^docs\/encryption\.md$/,
    code: /^const key = await unwrapped\(/,
    is: { way: 'compiled', why: 'it asks Cloud KMS; test/security/key-management.test.ts has one' },
  },
  {
    language: /^python$/,
    is: { way: 'parsed', why: 'code of another system, which readers of the page have' },
  },
  { language: /^ts$/, page: /^docs\/sqlite\.md$/, is: { way: 'runs', since: '22.13.0' } },
  { language: /^[jt]s$/, is: { way: 'runs' } },
  { language: /^(?:sh|console)$/, is: { way: 'commands' } },
  { language: /^(?:json|yaml|http|mermaid)$/, is: { way: 'data' } },
]

export function wayOf(block: Block): Way | undefined {
  const rule = RULES.find(
    ({ language, page, code, before }) =>
      language.test(block.language) &&
      (page?.test(block.page) ?? true) &&
      (code?.test(block.code) ?? true) &&
      (before?.test(block.before) ?? true),
  )
  return typeof rule?.is === 'function' ? rule.is(block) : rule?.is
}

interface Change {
  readonly page: string
  readonly from: string
  readonly to: string
}

/** Changes of the code of a page before it runs: additions that the prose describes, and places on a machine. */
export const CHANGES: readonly Change[] = [
  { page: 'docs/sqlite.md', from: '/var/lib/shop/', to: './' },
  {
    page: 'docs/coming-from/viur.md', // "Here, where `createSessions()` has `events: true`"
    from: "store: datastoreStore({ kind: 'app-session' }),",
    to: "store: datastoreStore({ kind: 'app-session' }), events: true,",
  },
]
