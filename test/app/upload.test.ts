import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

function listed(...words: string[]): string[] {
  const all = execFileSync('git', ['ls-files', ...words], { cwd: root, encoding: 'utf8' })
  return all.split('\n').filter((file) => file !== '' && existsSync(join(root, file)))
}

it('builds from the files that gcloud uploads, as the build on Google Cloud does', () => {
  const left = new Set(listed('--cached', '--ignored', '--exclude-from=.gcloudignore'))
  const uploaded = listed().filter((file) => !left.has(file))
  expect(uploaded).not.toContain('test/README.md')
  // Below the root, where the build finds the installed packages.
  const folder = mkdtempSync(join(root, '.upload-'))
  try {
    for (const file of uploaded) cpSync(join(root, file), join(folder, file))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    execFileSync('npm', ['run', '--silent', 'gcp-build'], { cwd: folder, encoding: 'utf8' })
    for (const file of ['dist/lib/index.js', 'dist/lib/emulator.sh', 'dist/app/main.js.map'])
      expect(existsSync(join(folder, file)), file).toBe(true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
