// Puts viur-session into a package of its own below test/frameworks or examples, as users get it: packed, and unpacked
// into its node_modules. `npm install` there knows nothing of it, and takes it away again, so each folder calls this
// after it:
//
//   "postinstall": "node ../../scripts/pack-for-folder.mjs", "pretest": "node ../../scripts/pack-for-folder.mjs"
//
// Packs, which builds, only where something that goes into the package is newer than what was packed last. VIUR_TARBALL
// names a tarball to take as it is. Called in the root of this package, it packs and says where.
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
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(fileURLToPath(new URL('..', import.meta.url)))
const tarball = resolve(process.env['VIUR_TARBALL'] || packed())

if (process.cwd() === root) console.log(tarball)
else unpackInto(join(process.cwd(), 'node_modules'))

/** The tarball of what is in the working tree. */
function packed() {
  const goesIn = [
    'src',
    'docs',
    'scripts/bundle.mjs',
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
  // Two that build at the same time would take each other's files away.
  return alone(join(folder, 'lock'), () => (isNew() ? path : packInto(folder, path)))
}

/**
 * @param {string} folder
 * @param {string} path
 */
function packInto(folder, path) {
  const scratch = mkdtempSync(join(folder, 'new-'))
  const began = new Date()
  // What is said while it builds must not stand between who called and the path.
  execFileSync('npm', ['pack', '--pack-destination', scratch], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, npm_config_loglevel: 'warn' },
  })
  const made = join(scratch, String(readdirSync(scratch)[0]))
  // What was changed while it was built may not be in it.
  utimesSync(made, began, began)
  renameSync(made, path)
  rmSync(scratch, { recursive: true })
  return path
}

/** No build takes this long, in milliseconds. */
const LONGEST = 10 * 60 * 1000

/**
 * Does something while no other process does it. A lock of a process that has ended counts for nothing, and so does an
 * old one.
 *
 * @template Result
 * @param {string} lock
 * @param {() => Result} work
 * @returns {Result}
 */
function alone(lock, work) {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
    }
    if (!isHeld(lock)) rmSync(lock, { force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  }
  try {
    return work()
  } finally {
    rmSync(lock)
  }
}

/**
 * Whether the process still runs that wrote the lock.
 *
 * @param {string} lock
 */
function isHeld(lock) {
  try {
    const holder = Number(readFileSync(lock, 'utf8'))
    // It is empty for a moment, when its file is there and its text is not.
    if (holder !== 0) process.kill(holder, 0)
    return Date.now() - statSync(lock).mtimeMs < LONGEST
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

/**
 * When a file in there was last changed.
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
 * As npm would: the package, and its command. It has no dependencies of its own; its peers are those of the folder.
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
