// One file for the core, one for each entry that stands on it, and nothing else to load, instead of two hundred: what Node
// spends on finding and linking modules is most of what an import costs. Types stay as tsc writes them. Our
// dependencies are inside, see docs/dependencies.md; their licences go into a file beside.
import { chmodSync, copyFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { ENTRIES } from './entries.mjs'

/** @typedef {readonly import('rolldown').RolldownOutput['output'][number][]} Files */

/** Where tsc has written to. */
const dist = process.argv[2] ?? 'dist'

/** What goes inside. Their tests see to it that what is shipped is what is installed. */
const INSIDE =
  /^(?:@bomb\.sh\/tab(?:\/.*)?|cli-progress|string-width|strip-ansi|ansi-regex|emoji-regex|is-fullwidth-code-point|commander|cookie|devalue|fastify-plugin|leven|lru-cache|ms|proxy-addr|forwarded|ipaddr\.js|@bufbuild\/protobuf\/wire)$/

/** Whoever imports one entry most likely imports the first too, so that what entries share is one file. */
const SHARED =
  /[\\/]dist[\\/](?:(?:base|record|google|write|end|request|sweep)[\\/]|store[\\/](?:memory[\\/]|[^\\/]+$)|(?:options|sessions(?:-[a-z]+)?|index)\.js$)|[\\/]node_modules[\\/](?!@bufbuild|@bomb\.sh|cli-progress|string-width|strip-ansi|ansi-regex|emoji-regex|is-fullwidth-code-point|commander|fastify-plugin|proxy-addr|forwarded|ipaddr\.js)/

/** What the adapters have in common, in one file too: what holds a response, and the routes for clean-up. */
const ADAPTERS =
  /[\\/]dist[\\/](?:node[\\/](?!(?:index|with-session|options|trusted-proxies)\.js$)|express[\\/](?:routes[\\/](?:caller[a-z-]*|cleanup-routes)|request[\\/](?:named-sessions|request-headers)|csrf[\\/]same-origin)\.js$)/

/** The text of the licence Apache 2.0, as one of those has it who chose it. */
const APACHE = readFileSync(
  new URL('../node_modules/@grpc/grpc-js/LICENSE', import.meta.url),
  'utf8',
).trim()

/** The text of the MIT licence, without the line of whose it is. */
const [MIT = ''] =
  /Permission is hereby granted[\s\S]*/.exec(
    readFileSync(new URL('../node_modules/commander/LICENSE', import.meta.url), 'utf8'),
  ) ?? []

const late = new Map()

/**
 * Whether a module is only reached by an `import()`, and stands in a file that is loaded then.
 *
 * @param {string} id
 * @param {(id: string) => import('rolldown').ModuleInfo | null} infoOf
 * @returns {boolean}
 */
function isLate(id, infoOf) {
  const known = late.get(id)
  if (known !== undefined) return known
  const info = infoOf(id)
  if (info === null || info.isEntry) return false
  late.set(id, false)
  const isIt =
    info.importers.length === 0
      ? info.dynamicImporters.length > 0
      : info.importers.every((importer) => isLate(importer, infoOf))
  late.set(id, isIt)
  return isIt
}

/** The entries, and what each is made of. */
const entries = Object.fromEntries(
  Object.entries(ENTRIES).map(([name, module]) => [name, join(dist, `${module}.js`)]),
)
// The command is an ES module of its own, and no entry.
const output = [
  ...(await write('esm', { ...entries, cli: join(dist, 'cli/main.js') })),
  ...(await write('cjs', entries)),
]

/**
 * All files, as modules of this kind. CommonJS has files of its own, with all that they load, for what cannot load ES
 * modules: Jest, Node with --no-experimental-require-module, a bundle that is CommonJS.
 *
 * @param {'esm' | 'cjs'} format
 * @param {Record<string, string>} input
 */
async function write(format, input) {
  const extension = format === 'esm' ? 'js' : 'cjs'
  const bundle = await rolldown({
    // No line above each module that names its file: nobody who installs the package has that.
    experimental: { attachDebugInfo: 'none' },
    input,
    external: (id) => /^[^./]/.test(id) && !INSIDE.test(id),
    platform: 'node',
  })
  const { output: files } = await bundle.write({
    dir: join(dist, 'lib'),
    format,
    // Where CommonJS is asked for, `import()` may not be there at all; all that is loaded late can be required.
    dynamicImportInCjs: false,
    // The declarations carry the doc comments; here they would only be read at each start.
    comments: { jsdoc: false, annotation: true, legal: true },
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `parts/[name]-[hash].${extension}`,
    codeSplitting: {
      groups: [
        {
          debugName: 'core',
          name: (id, context) =>
            SHARED.test(id) && !isLate(id, (one) => context.getModuleInfo(one)) ? 'core' : null,
        },
        { debugName: 'adapters', name: (id) => (ADAPTERS.test(id) ? 'adapters' : null) },
      ],
    },
  })
  await bundle.close()
  return files
}

writeFileSync(join(dist, 'lib/licenses.txt'), licensesOf(output))
/** What the command has beside its file. */
const BESIDE = {
  '../src/cli/output.schema.json': 'cli.schema.json',
  '../emulator.sh': 'emulator.sh',
}
for (const [from, to] of Object.entries(BESIDE)) {
  copyFileSync(new URL(from, import.meta.url), join(dist, 'lib', to))
}
// npm does so when it installs, but not again where a linked folder is built anew.
chmodSync(join(dist, 'lib/cli.js'), 0o755)

/**
 * The licences of the packages that code was taken from.
 *
 * @param {Files} chunks
 */
function licensesOf(chunks) {
  const folders = new Set(
    chunks.flatMap((chunk) =>
      (chunk.type === 'chunk' ? chunk.moduleIds : []).flatMap(
        (id) => /.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0] ?? [],
      ),
    ),
  )
  const texts = [...folders].toSorted().map((folder) => {
    const { name, version, license, author } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    )
    const file = readdirSync(folder).find((one) => /^licen[cs]e(?:\.md|\.txt)?$/i.test(one))
    const text =
      file === undefined
        ? inFiles(chunks, folder) || (license === 'MIT' ? `Copyright (c) ${author}\n\n${MIT}` : '')
        : readFileSync(join(folder, file), 'utf8')
    if (text === '') throw new Error(`${name} says nothing of its licence`)
    const apache = file === undefined && /Apache-2\.0/.test(license) ? `\n\n${APACHE}` : ''
    return `${name} ${version}\n\n${text.trim()}${apache}\n`
  })
  return `Code of these packages is in the files beside this one.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`
}

/**
 * The licences at the head of files, for a package without a file of its own.
 *
 * @param {Files} chunks
 * @param {string} folder
 */
function inFiles(chunks, folder) {
  const ids = chunks.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []))
  const heads = ids
    .filter((id) => id.startsWith(folder))
    .map((id) => /^(?:\/\/.*\n|\n)+/.exec(readFileSync(id, 'utf8'))?.[0] ?? '')
  return [...new Set(heads.map((head) => head.replaceAll(/^\/\/ ?/gm, '').trim()))].join('\n\n')
}
