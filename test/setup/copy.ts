import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { afterAll } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A second copy of the package in this process, from files of its own. */
export interface Copy {
  readonly core: typeof import('../../src/index.ts')
  readonly express: typeof import('../../src/express/index.ts')
  /** The module with which stores tell the core the cause of failures. */
  readonly incident: typeof import('../../src/base/common-cause.ts')
}

/** The module format and the major version of a copy. */
export interface CopyKind {
  readonly format: 'esm' | 'cjs'
  readonly major?: number
}

/** Bundles the package and loads the bundle, like an app that bundles a part of its dependencies. */
export async function copyOf({ format, major = 1 }: CopyKind): Promise<Copy> {
  // Inside the package, so that it finds its dependencies.
  const dir = mkdtempSync(join(root, 'node_modules', '.copy-'))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  const bundle = await rolldown({
    input: {
      core: join(root, 'src/index.ts'),
      express: join(root, 'src/express/index.ts'),
      incident: join(root, 'src/base/common-cause.ts'),
    },
    external: /^(?:node:|[^./])/,
    platform: 'node',
    logLevel: 'silent',
    plugins: [
      {
        name: 'major',
        transform(code, id) {
          if (!id.endsWith('base/shared-copies.ts')) return null
          const other = code.replace(/const MAJOR\b[^=]*= 1\b/, `const MAJOR = ${major}`)
          if (!other.includes(`const MAJOR = ${major}`))
            throw new Error('found no major to replace')
          return other
        },
      },
    ],
  })
  const extension = format === 'esm' ? 'mjs' : 'cjs'
  const entryFileNames = `[name].${extension}`
  await bundle.write({ dir, format, entryFileNames, chunkFileNames: `[name]-[hash].${extension}` })
  await bundle.close()
  if (readdirSync(dir).length < 3) throw new Error('the entries share nothing')
  const load = async (name: string): Promise<unknown> => {
    const file = join(dir, `${name}.${extension}`)
    return format === 'esm' ? await import(pathToFileURL(file).href) : createRequire(file)(file)
  }
  const [core, express, incident] = await Promise.all(['core', 'express', 'incident'].map(load))
  return { core, express, incident } as Copy
}
