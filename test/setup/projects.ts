import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The project of a test file. There is no list of files: the name of a file, its folder and its imports decide. So no
 * file is forgotten, and no file that needs an emulator or a browser is in *unit*.
 */
export type Project = 'unit' | 'http' | 'emulator' | 'browser' | 'slow'

export const PROJECTS: readonly Project[] = ['unit', 'http', 'emulator', 'browser', 'slow']

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Words that show that a file, or a helper that it imports, uses an emulator program. */
const ON_EMULATORS =
  /\bemulatorStore\b|\bEMULATORS\b|process\.env\[?\.?'?(DATASTORE|VIUR_TEST_NEWER)_EMULATOR_HOST/

/** A word that shows that a file, or a helper that it imports, starts other programs. */
const STARTS_PROGRAMS = /from 'node:child_process'/

/** The words by which a file, or a helper that it imports, opens a port. These helpers in setup do. */
const OPENS_PORTS = /\.listen\(|setup\/(site|datastore-server|faulty-proxy)\.ts'|from 'supertest'/

/** The suites that are the same on each kind of store: on the memory store in *unit*, on the others in *emulator*. */
const ON_STORE_KINDS = /\bSTORE_KINDS(_BY_TRANSPORT)?\b/

/** The words of a file of which *slow* runs a part: the other transport of each emulator, the rest of a matrix. */
const PARTLY_SLOW = /\b(STORE_KINDS|EMULATORS)_BY_TRANSPORT\b|setup\/matrix\.ts'/

/** The path of a test file, from the root of the package. */
function projectsOf(file: string): readonly Project[] {
  if (file.startsWith('test/slow/') || file.endsWith('.slow.test.ts')) return ['slow']
  const fast = fastProjectsOf(file)
  return PARTLY_SLOW.test(readFileSync(join(root, file), 'utf8')) ? [...fast, 'slow'] : fast
}

/** The projects of `npm test`. */
function fastProjectsOf(file: string): readonly Project[] {
  const used = withHelpers(join(root, file))
  if (used.has(join(root, 'test/browser/browser.ts'))) return ['browser']
  const text = [...used.values()].join('\n')
  if (file.startsWith('test/emulator/') || file.endsWith('.long.test.ts')) return ['emulator']
  if (STARTS_PROGRAMS.test(text)) return ['emulator']
  const fast = OPENS_PORTS.test(text) ? 'http' : 'unit'
  if (ON_STORE_KINDS.test(readFileSync(join(root, file), 'utf8'))) return [fast, 'emulator']
  if (ON_EMULATORS.test(text)) return ['emulator']
  return [fast]
}

/** All files of a project. The packages in test/frameworks run their own tests. */
export function filesOf(project: Project): string[] {
  return ALL.filter(({ projects }) => projects.includes(project)).map(({ file }) => file)
}

/**
 * Words with which a file, or a helper that it imports, requires an emulator program. Suites on both name no variable.
 */
const ASKS_FOR = {
  DATASTORE_EMULATOR_HOST: /\bDATASTORE_EMULATOR_HOST\b/,
  VIUR_TEST_NEWER_EMULATOR_HOST: /\bVIUR_TEST_NEWER_EMULATOR_HOST\b/,
} as const

const ASKS_FOR_BOTH = /\b(STORE_KINDS|EMULATORS)(_BY_TRANSPORT)?\b/

/**
 * Returns the variables of the emulator programs that the chosen files of a project need, so that no other program is
 * started. `chosen`: parts of file names, as on the command line; an empty list means all files.
 */
export function emulatorsOf(project: Project, chosen: readonly string[]): string[] {
  // A file name may end in a line number.
  const parts = chosen
    .map((part) => part.replace(/:\d+$/, ''))
    .flatMap((part) => [part, resolve(root, part)])
  const texts = filesOf(project)
    .filter((file) => parts.length === 0 || parts.some((part) => join(root, file).includes(part)))
    .map((file) => [...withHelpers(join(root, file)).values()].join('\n'))
  return Object.entries(ASKS_FOR).flatMap(([variable, words]) =>
    texts.some((text) => words.test(text) || ASKS_FOR_BOTH.test(text)) ? [variable] : [],
  )
}

/** Returns a test file with the test helpers that it imports, except those in setup, which all kinds of tests use. */
function withHelpers(path: string, found: Map<string, string> = new Map()): Map<string, string> {
  const inSetup = path.startsWith(join(root, 'test/setup') + sep)
  if (found.has(path) || inSetup || !existsSync(path)) return found
  const text = readFileSync(path, 'utf8')
  found.set(path, text)
  for (const [, target = ''] of text.matchAll(/(?:from|import\() ?'(\.{1,2}\/[^']+)'/g)) {
    const next = resolve(dirname(path), target)
    if (next.startsWith(join(root, 'test') + sep)) withHelpers(next, found)
  }
  return found
}

const ALL = readdirSync(join(root, 'test'), { withFileTypes: true })
  .filter(({ name }) => name !== 'frameworks')
  .flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(root, 'test', entry.name), { recursive: true, encoding: 'utf8' }).map(
          (path) => join(entry.name, path),
        )
      : [entry.name],
  )
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `test/${path.split(sep).join('/')}`)
  .sort()
  .map((file) => ({ file, projects: projectsOf(file) }))
