// Makes docs/reference, the reference of the public interface, with a page for each entry, from the doc comments in the
// declarations. Prints the pages that are out of date, and fails; with --write it writes them. It also fails when an
// exported name has no doc comment, or a link has no target. Needs `npm run build`.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, LogLevel, ReflectionKind } from 'typedoc'

const root = fileURLToPath(new URL('../..', import.meta.url))
const kept = join(root, 'docs/reference')
const made = mkdtempSync(join(tmpdir(), 'reference-'))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.entries(exports).filter(([, entry]) => typeof entry !== 'string')

// The kinds of names that need a doc comment. Properties of a literal type are described by the comment of its owner,
// and inherited ones by that of their origin.
const documented =
  ReflectionKind.ClassOrInterface |
  ReflectionKind.TypeAlias |
  ReflectionKind.FunctionOrMethod |
  ReflectionKind.Variable |
  ReflectionKind.Property |
  ReflectionKind.Accessor

function isDocumented(one) {
  const { parent } = one
  if (parent?.kindOf(ReflectionKind.TypeLiteral) || one.inheritedFrom) return true
  return (
    one.hasComment() || (one.signatures ?? [one.getSignature]).some((each) => each?.hasComment())
  )
}

const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  logLevel: LogLevel.Warn,
  treatWarningsAsErrors: true,
  name: 'Reference',
  entryPoints: entries.map(([, entry]) => join(root, entry.types.import)),
  tsconfig: join(root, 'scripts/reference/tsconfig.json'),
  basePath: root,
  readme: 'none',
  disableSources: true,
  excludeExternals: true,
  excludePrivate: true,
  validation: { notExported: false, invalidLink: true, notDocumented: false },
  outputs: [{ name: 'markdown', path: made }],
  router: 'module',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  tableColumnSettings: { hideDefaults: true, hideInherited: true, hideOverrides: true },
})

const points = app.getEntryPoints()
for (const [i, [name]] of entries.entries()) points[i].displayName = `viur-session${name.slice(1)}`
const project = app.converter.convert(points)
app.validate(project)
await app.generateOutputs(project)
const bare = project.getReflectionsByKind(documented).filter((one) => !isDocumented(one))
for (const one of bare) console.error(`${one.getFullName()} has no doc comment.`)

const pagesOf = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.md'))
    .sort()
const textOf = (folder, file) => {
  try {
    return readFileSync(join(folder, file), 'utf8')
  } catch {
    return null
  }
}

// TypeDoc counts some names twice, and then ends links to them in a number that the heading does not have.
for (const file of pagesOf(made)) {
  const text = textOf(made, file).replace(/\]\(([^)#]*)#([\w-]+)-\d+\)/g, (link, page, name) => {
    const target = textOf(made, page === '' ? file : join(dirname(file), page))
    const heading = new RegExp(`^#+ (?:\\S+ )?${name}(?:\\(\\))?$`, 'gim')
    return (target.match(heading) ?? []).length === 1 ? `](${page}#${name})` : link
  })
  writeFileSync(join(made, file), text)
}

if (process.argv.includes('--write')) {
  rmSync(kept, { recursive: true, force: true })
  cpSync(made, kept, { recursive: true })
} else {
  const files = new Set([...pagesOf(made), ...pagesOf(kept)])
  const other = [...files].filter((file) => textOf(made, file) !== textOf(kept, file))
  for (const file of other) console.error(`docs/reference/${file} differs from the doc comments.`)
  if (other.length > 0) console.error('Update it with `npm run reference -- --write`.')
  if (other.length > 0) process.exitCode = 1
}
rmSync(made, { recursive: true, force: true })
if (bare.length > 0 || app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
