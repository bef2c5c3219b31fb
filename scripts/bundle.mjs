// Makes one file for the core and one for each other entry, instead of two hundred: Node needs most of the time of an
// import to find and link modules. Types stay as tsc writes them. Dependencies are bundled, see docs/dependencies.md;
// their licences go into a file beside the code.
import { chmodSync, copyFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { ENTRIES } from './entries.mjs'

/** @typedef {readonly import('rolldown').RolldownOutput['output'][number][]} Files */

/** The output folder of tsc. */
const dist = process.argv[2] ?? 'dist'

/** The bundled packages. Tests check that this list is complete. */
const INSIDE =
  /^(?:@bomb\.sh\/tab(?:\/.*)?|cli-progress|string-width|strip-ansi|ansi-regex|emoji-regex|is-fullwidth-code-point|commander|cookie|devalue|fastify-plugin|leven|lru-cache|ms|proxy-addr|forwarded|ipaddr\.js|@bufbuild\/protobuf\/wire)$/

/** An app that imports one entry most likely imports the first one too, so the code that entries share is one file. */
const SHARED =
  /[\\/]dist[\\/](?:(?:base|record|google|write|end|request|sweep)[\\/]|store[\\/](?:memory[\\/]|[^\\/]+$)|(?:options|sessions(?:-[a-z]+)?|index)\.js$)|[\\/]node_modules[\\/](?!@bufbuild|@bomb\.sh|cli-progress|string-width|strip-ansi|ansi-regex|emoji-regex|is-fullwidth-code-point|commander|fastify-plugin|proxy-addr|forwarded|ipaddr\.js)/

/** The shared code of the adapters, also in one file: the code that holds responses, and the clean-up routes. */
const ADAPTERS =
  /[\\/]dist[\\/](?:node[\\/](?!(?:index|with-session|options|trusted-proxies)\.js$)|express[\\/](?:routes[\\/](?:caller[a-z-]*|cleanup-routes)|request[\\/](?:named-sessions|request-headers)|csrf[\\/]same-origin)\.js$)/

/** The text of the Apache 2.0 licence, from a package that uses it. */
const APACHE = readFileSync(
  new URL('../node_modules/@grpc/grpc-js/LICENSE', import.meta.url),
  'utf8',
).trim()

/** The text of the MIT licence, without the line of its owner. */
const [MIT = ''] =
  /Permission is hereby granted[\s\S]*/.exec(
    readFileSync(new URL('../node_modules/commander/LICENSE', import.meta.url), 'utf8'),
  ) ?? []

const late = new Map()

/**
 * Whether a module is only reached by an `import()`, and so belongs to a file that is loaded later.
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

/** The entries, and the module of each. */
const entries = Object.fromEntries(
  Object.entries(ENTRIES).map(([name, module]) => [name, join(dist, `${module}.js`)]),
)
// The command is a separate ES module, and not an entry.
const output = [
  ...(await write('esm', { ...entries, cli: join(dist, 'cli/main.js') })),
  ...(await write('cjs', entries)),
]

/**
 * Writes all files, as modules of this kind. CommonJS has its own copies of all files, for loaders that cannot load ES
 * modules: Jest, Node with --no-experimental-require-module, a CommonJS bundle.
 *
 * @param {'esm' | 'cjs'} format
 * @param {Record<string, string>} input
 */
async function write(format, input) {
  const extension = format === 'esm' ? 'js' : 'cjs'
  const bundle = await rolldown({
    // Leaves out the comments with the file name of each module: users of the package do not have these files.
    experimental: { attachDebugInfo: 'none' },
    // It has nothing to say about compiled files, and refers to folders that an upload to Google Cloud does not have.
    tsconfig: false,
    input,
    external: (id) => /^[^./]/.test(id) && !INSIDE.test(id),
    platform: 'node',
  })
  const { output: files } = await bundle.write({
    dir: join(dist, 'lib'),
    format,
    // A CommonJS loader may have no `import()`. All modules that are loaded late can also be required.
    dynamicImportInCjs: false,
    // The declarations have the doc comments; here they would only slow down each start.
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
/** Files that the command needs beside its own. */
const BESIDE = {
  '../src/cli/output.schema.json': 'cli.schema.json',
  '../emulator.sh': 'emulator.sh',
}
for (const [from, to] of Object.entries(BESIDE)) {
  copyFileSync(new URL(from, import.meta.url), join(dist, 'lib', to))
}
// npm does this at installation, but not again when a linked folder is built.
chmodSync(join(dist, 'lib/cli.js'), 0o755)

/**
 * Returns the licences of the bundled packages.
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
 * Returns the licences at the beginning of files, for a package without a licence file.
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
