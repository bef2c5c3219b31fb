import { existsSync, readFileSync } from 'node:fs'
import { transformSync } from 'esbuild'
import type { Block } from './blocks.ts'

/**
 * A block of a page as a module: the unchanged code of the page, after imports of the names that it does not declare. The
 * names come from the blocks above it in the same chapter, from the context of the page, and from other chapters: from
 * the first of these that has the name.
 */
export interface Module {
  /** The name of its file, without an ending. */
  readonly name: string
  readonly isTyped: boolean
  /** The number of lines before the code of the page. */
  readonly offset: number
  readonly source: string
}

const CONTEXT = new URL('context/', import.meta.url)

/** The name of a page as the name of a file. */
export const nameOf = (page: string): string => page.replace(/\.md$/, '').replaceAll('/', '-')

/** The context of a page: the one with its name, such as `context/docs-sessions.ts`, or one that many pages share. */
export function contextOf(page: string, blocks: readonly Block[]): string {
  const own = nameOf(page)
  if (existsSync(new URL(`${own}.ts`, CONTEXT))) return own
  return blocks.some(({ code }) => code.includes("'viur-session/express-session'"))
    ? 'app-of-others'
    : 'app'
}

export function contextSource(name: string): string {
  return readFileSync(new URL(`${name}.ts`, CONTEXT), 'utf8')
}

const IMPORT = /^import\s+(type\s+)?([^'"]+?)\s+from\s+(['"])([^'"]+)\3;?$/gm

/** The imports of a module: for each name in the module, an import of only that name. */
function importsOf(code: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, type = '', clause = '', , from = ''] of code.matchAll(IMPORT)) {
    const [, main, named = ''] = /^(?:([\w* ]+?),?\s*)?(?:\{([\s\S]*)\})?$/.exec(clause) ?? []
    if (main) found.set(main.replace('* as ', ''), `import ${type}${main} from '${from}'`)
    for (const one of listed(named)) {
      const name = one.split(/\s+/).at(-1) as string
      found.set(name, `import ${type}{ ${one} } from '${from}'`)
    }
  }
  return found
}

/** The names that a module declares at its top level. */
function declaredIn(code: string): { values: string[]; types: string[]; exported: Set<string> } {
  const values: string[] = []
  const types: string[] = []
  const exported = new Set<string>()
  const add = (list: string[], isExported: unknown, name: string): void => {
    if (!list.includes(name)) list.push(name)
    if (isExported) exported.add(name)
  }
  const plain =
    /^(export )?(?:declare )?(?:const|let|var|(?:async )?function\*?|(?:abstract )?class) (\w+)/gm
  for (const [, isExported, name = ''] of code.matchAll(plain)) add(values, isExported, name)
  for (const [, isExported, names = ''] of code.matchAll(
    /^(export )?const [{[]([^}\]]*)[}\]] = /gm,
  )) {
    for (const one of listed(names)) {
      add(values, isExported, one.split(/[\s:=]+/).at(one.includes(':') ? 1 : 0) as string)
    }
  }
  for (const [, isExported, name = ''] of code.matchAll(
    /^(export )?(?:declare )?(?:interface|type) (\w+)/gm,
  )) {
    add(types, isExported, name)
  }
  for (const [, names = ''] of code.matchAll(/^export \{([^}]*)\}(?: from .*)?$/gm)) {
    for (const one of listed(names)) add(values, true, one.split(' as ').at(-1) as string)
  }
  return { values, types, exported }
}

function listed(names: string): string[] {
  return names
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
}

/** All names that a context offers, including the names of the contexts that it takes over completely. */
function offeredBy(context: string): { values: string[]; types: string[] } {
  const source = contextSource(context)
  const own = declaredIn(source)
  const taken = [...source.matchAll(/^export \* from '\.\/([\w-]+)\.js'$/gm)].map(([, name = '']) =>
    offeredBy(name),
  )
  const isExported = (name: string): boolean => own.exported.has(name)
  return {
    values: [...own.values.filter(isExported), ...taken.flatMap(({ values }) => values)],
    types: [...own.types.filter(isExported), ...taken.flatMap(({ types }) => types)],
  }
}

export function modulesOf(blocks: readonly Block[], context: string): Module[] {
  const offered = new Map<string, string>()
  const { values, types } = offeredBy(context)
  for (const name of values) offered.set(name, `import { ${name} } from './${context}.js'`)
  for (const name of types) offered.set(name, `import type { ${name} } from './${context}.js'`)
  const imports = new Map(offered)
  let last = ''
  return blocks.map(({ code, line, language, chapter }) => {
    if (chapter !== last) for (const [name, text] of offered) imports.set(name, text)
    last = chapter
    const name = `line-${line}`
    const isTyped = language === 'ts' || language === 'tsx'
    const declared = declaredIn(code)
    const imported = importsOf(code)
    const own = new Set([...imported.keys(), ...declared.values, ...declared.types])
    const before = [...imports].filter(([one]) => !own.has(one)).map(([, text]) => text)
    // JavaScript has no types to import.
    const given = isTyped ? before : before.filter((text) => !/^import type|\{ type /.test(text))
    const notYet = declared.values.filter((one) => !declared.exported.has(one))
    const notYetTypes = declared.types.filter((one) => !declared.exported.has(one))
    const after = [
      `export { ${notYet.join(', ')} }`,
      ...(notYetTypes.length > 0 ? [`export type { ${notYetTypes.join(', ')} }`] : []),
    ]
    for (const [one, text] of imported) imports.set(one, text)
    for (const one of declared.values) imports.set(one, `import { ${one} } from './${name}.js'`)
    for (const one of declared.types) imports.set(one, `import type { ${one} } from './${name}.js'`)
    const head = given.map((text) => `${text}\n`).join('')
    const source = `${head}${code}${after.join('\n')}\n`
    return { name, isTyped, offset: given.length, source }
  })
}

/** The module without types, as a file with the ending `.mjs`. */
export function asESModule(source: string, isTyped: boolean): string {
  return withoutTypes(source, isTyped).replace(/(from |import\()"(\.\/[\w-]+)\.js"/g, '$1"$2.mjs"')
}

/** The same in CommonJS: `require()`, and no `await` outside of functions. */
export function asCommonJS(source: string, isTyped: boolean): string {
  const names: string[] = []
  const body = withoutTypes(source, isTyped)
    .replaceAll(/^export \{([^}]*)\} from "([^"]+)";$/gm, (_all, list: string, from: string) => {
      names.push(...listed(list).map((one) => one.split(' as ').at(-1) as string))
      return `const {${list.replaceAll(' as ', ': ')}} = require("${from}");`
    })
    .replaceAll(/^export \* from "\.\/([\w-]+)\.js";$/gm, (_all, from: string) => {
      names.push(`...(await require("./${from}.cjs"))`)
      return ''
    })
    .replaceAll(IMPORT, (_all, _type, clause: string, _quote, from: string) => {
      const isOwn = from.startsWith('./')
      const loaded = isOwn
        ? `await require("${from.replace(/\.js$/, '.cjs')}")`
        : `require("${from}")`
      const [, main, named] = /^(?:([\w*$ ]+?),?\s*)?(\{[\s\S]*\})?$/.exec(clause) ?? []
      return [
        main && `const ${main.replace('* as ', '')} = whole(${loaded});`,
        named && `const ${named.replaceAll(' as ', ': ')} = ${loaded};`,
      ]
        .filter(Boolean)
        .join(' ')
    })
    .replaceAll(/^import "([^"]+)";$/gm, 'require("$1");')
    .replaceAll(/^export \{([^}]*)\};?$/gm, (_all, list: string) => {
      names.push(...listed(list).map((one) => one.replace(/^(\w+) as (\w+)$/, '$2: $1')))
      return ''
    })
    .replaceAll(/^export (default )?/gm, '')
    .replaceAll(/import\("(\.\/[\w-]+)\.js"/g, 'import("$1.cjs"')
  const whole = 'const whole = (loaded) => loaded.default ?? loaded'
  return `${whole}\nmodule.exports = (async () => {\n${body}\nreturn { ${names.join(', ')} }\n})()\n`
}

function withoutTypes(source: string, isTyped: boolean): string {
  const { code } = transformSync(source, {
    loader: isTyped ? 'ts' : 'js',
    format: 'esm',
    target: 'es2023',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  })
  return code
}
