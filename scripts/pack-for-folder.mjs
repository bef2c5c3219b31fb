// Installs viur-session into a separate package below test/frameworks or examples, as users get it: packed, and
// unpacked into node_modules. `npm install` in such a folder does not know the package and removes it again, so each
// folder calls this script afterwards:
//
//   "postinstall": "node ../../scripts/pack-for-folder.mjs", "pretest": "node ../../scripts/pack-for-folder.mjs"
//
// It packs, which includes a build, only when a packed file is newer than the last tarball. VIUR_TARBALL names a
// tarball to use unchanged. In the root of this package it packs and prints the path of the tarball.
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alone } from './alone.mjs'

const root = resolve(fileURLToPath(new URL('..', import.meta.url)))
const tarball = resolve(process.env['VIUR_TARBALL'] || packed())

if (process.cwd() === root) console.log(tarball)
else unpackInto(join(process.cwd(), 'node_modules'))

/** Returns the path of a tarball of the working tree. */
function packed() {
  const goesIn = [
    'src',
    'docs',
    'scripts/bundle.mjs',
    'scripts/declarations.mjs',
    'scripts/entries.mjs',
    'emulator.sh',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
    'README.md',
  ]
  const folder = join(root, 'node_modules/.cache/packed')
  const path = join(folder, 'viur-session.tgz')
  const newest = Math.max(...goesIn.map((one) => newestIn(join(root, one))))
  const isNew = () => existsSync(path) && statSync(path).mtimeMs > newest
  if (isNew()) return path
  mkdirSync(folder, { recursive: true })
  // Two parallel builds would delete each other's files.
  return alone(join(folder, 'lock'), () => (isNew() ? path : packInto(folder, path)))
}

/**
 * @param {string} folder
 * @param {string} path
 */
function packInto(folder, path) {
  const scratch = mkdtempSync(join(folder, 'new-'))
  const began = new Date()
  // The output of the build must not mix with the path on standard output.
  execFileSync('npm', ['pack', '--pack-destination', scratch], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, npm_config_loglevel: 'warn' },
  })
  const made = join(scratch, String(readdirSync(scratch)[0]))
  // A file that was changed during the build may be missing from the tarball, so the tarball gets the time of its
  // start.
  utimesSync(made, began, began)
  renameSync(made, path)
  rmSync(scratch, { recursive: true })
  return path
}

/**
 * Returns the time of the latest change in a folder.
 *
 * @param {string} path
 * @returns {number}
 */
function newestIn(path) {
  const found = statSync(path)
  if (!found.isDirectory()) return found.mtimeMs
  const inside = readdirSync(path).filter((name) => name !== 'node_modules' && name !== 'dist')
  return Math.max(0, ...inside.map((name) => newestIn(join(path, name))))
}

/**
 * Unpacks the package and its command, as npm would. It has no dependencies; its peers are those of the folder.
 *
 * @param {string} modules
 */
function unpackInto(modules) {
  const target = join(modules, 'viur-session')
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'])
  const { bin } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'))
  const commands = join(modules, '.bin')
  mkdirSync(commands, { recursive: true })
  for (const [name, file] of Object.entries(bin)) {
    rmSync(join(commands, name), { force: true })
    symlinkSync(join('../viur-session', file), join(commands, name))
  }
}
