import { readFileSync } from 'node:fs'

/** The module that has the lines of each snippet, between `#region NAME` and `#endregion`. */
const MODULES = {
  login: 'actions',
  cart: 'actions',
  lifetime: 'actions',
  identity: 'actions',
  race: 'racing',
  limits: 'sessions',
  session: 'app',
  returnTo: 'signing-in',
  order: 'ordering',
  orders: 'ordering',
  devices: 'devices',
  endOne: 'devices',
  native: 'native-clients',
  fresh: 'signing-in',
  console: 'app',
  fill: 'operations',
  sweep: 'app',
  ends: 'app',
} as const

export type SnippetName = keyof typeof MODULES

export interface Snippet {
  /** The path of the file in the repository. */
  readonly file: string
  readonly code: string
}

/** The snippets of all cards. The app reads them when it starts, and does not start if one is missing. */
export const SNIPPETS: Readonly<Record<SnippetName, Snippet>> = Object.fromEntries(
  Object.entries(MODULES).map(([name, module]) => {
    const file = `src/app/${module}.ts`
    return [name, { file, code: regionIn(sourceOf(module), name, file) }]
  }),
) as Record<SnippetName, Snippet>

/** Returns the lines of a region without their common indentation. Throws an error that names a missing region. */
export function regionIn(source: string, name: string, file: string): string {
  const [, body] = source.split(new RegExp(`^ *// #region ${name}\\n`, 'm'))
  const [region, rest] = body?.split(/^ *\/\/ #endregion\n/m) ?? []
  if (region === undefined || rest === undefined)
    throw new Error(`${file} has no lines between "// #region ${name}" and "// #endregion"`)
  const lines = region.trimEnd().split('\n')
  const margin = Math.min(...lines.filter((line) => line !== '').map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(margin)).join('\n')
}

/** Returns the TypeScript of a module. In the compiled app it is in the source map of the module. */
function sourceOf(module: string): string {
  if (import.meta.url.endsWith('.ts'))
    return readFileSync(new URL(`${module}.ts`, import.meta.url), 'utf8')
  const map = readFileSync(new URL(`${module}.js.map`, import.meta.url), 'utf8')
  const { sourcesContent } = JSON.parse(map) as { readonly sourcesContent: readonly string[] }
  return sourcesContent[0] ?? ''
}
