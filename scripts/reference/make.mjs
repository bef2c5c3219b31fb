// The reference of the public interface in docs/reference, a page for each entry of the package, made of the doc comments in
// the declarations. Says which pages are not as they would be made now, and fails; with --write it writes them anew. Fails
// as well where something that is exported has no doc comment, or one whose links lead nowhere. Needs `npm run build`.
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

// What a reader of a page looks up. Properties of a literal type are told of by the comment of what has them, and inherited
// ones where they come from.
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

// TypeDoc counts some names twice, so that links to them end in a number that their heading does not have.
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
  for (const file of other) console.error(`docs/reference/${file} is not as the doc comments say.`)
  if (other.length > 0) console.error('Write it anew by `npm run reference -- --write`.')
  if (other.length > 0) process.exitCode = 1
}
rmSync(made, { recursive: true, force: true })
if (bare.length > 0 || app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
