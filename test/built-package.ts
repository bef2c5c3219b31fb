import { execFileSync } from 'node:child_process'
import { cpSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Builds the package, as users get it with what is inside of it, into a folder that is not in any `node_modules`. */
export function buildInto(folder: string): void {
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
}
