import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where what was built is kept, for the other files that need it: each would take seconds of a processor to build it. */
const CACHE = join(root, 'node_modules', '.cache', 'viur-session-built')

/** Builds the package, as users get it with what is inside of it, into a folder that is not in any `node_modules`. */
export function buildInto(folder: string): void {
  cpSync(built(), folder, { recursive: true })
}

/** The same with only the code that runs and the manifest: 57 files instead of 1,500. */
export function buildCodeInto(folder: string): void {
  const kept = built()
  for (const part of ['package.json', 'dist/lib']) {
    cpSync(join(kept, part), join(folder, part), { recursive: true })
  }
}

/** Returns the folder with the package in its present state, and builds it when it is not there. */
function built(): string {
  const kept = join(CACHE, stateOfPackage())
  if (!existsSync(kept)) build(kept)
  return kept
}

/** Returns a short hash of everything that the result of a build depends on. */
export function stateOfPackage(): string {
  const hash = createHash('sha256')
  const files = ['src', 'scripts']
    .flatMap((place) =>
      readdirSync(join(root, place), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    )
    .sort()
  const others = ['package.json', 'package-lock.json', 'tsconfig.json']
  for (const file of [...files, ...others.map((name) => join(root, name))]) {
    const text = readFileSync(file)
    hash.update(`${file}\n${text.length}\n`).update(text)
  }
  return hash.digest('hex').slice(0, 20)
}

/**
 * Builds, and moves the complete result to `kept`. If two processes do so at the same time, the second finds it there.
 */
function build(kept: string): void {
  mkdirSync(CACHE, { recursive: true })
  // Results of builds of other states are no longer needed.
  for (const name of readdirSync(CACHE)) {
    if (name.startsWith('.whole-') || join(CACHE, name) === kept) continue
    rmSync(join(CACHE, name), { recursive: true, force: true })
  }
  const folder = mkdtempSync(join(tmpdir(), 'viur-session-built-'))
  try {
    const dist = join(folder, 'dist')
    const run = (...words: string[]) =>
      execFileSync(process.execPath, words, { cwd: root, stdio: 'pipe' })
    for (const project of ['src', 'src/express-session']) {
      run('node_modules/typescript/bin/tsc', '-p', project, '--noCheck', '--outDir', dist)
    }
    const packages = join(folder, 'node_modules')
    symlinkSync(join(root, 'node_modules'), packages)
    run('scripts/bundle.mjs', dist)
    unlinkSync(packages)
    cpSync(join(root, 'package.json'), join(folder, 'package.json'))
    // Copied beside `kept` first, because a rename on one file system is all or nothing.
    const beside = mkdtempSync(join(CACHE, '.whole-'))
    cpSync(folder, beside, { recursive: true })
    try {
      renameSync(beside, kept)
    } catch (error) {
      if (!existsSync(kept)) throw error
      rmSync(beside, { recursive: true })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
