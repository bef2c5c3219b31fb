import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../src/cli/program.ts'
import { BLOCKS, root } from './blocks.ts'
import { wayOf } from './rules.ts'
import { commandsOf, type ShellCommand } from './shell.ts'

const commands = BLOCKS.filter((block) => wayOf(block)?.way === 'commands').flatMap(commandsOf)

interface Manifest {
  readonly name?: string
  readonly bin?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest

/** The package.json that a page describes: that of its folder if it has scripts, or that of the root. */
function manifestOf(page: string): Manifest {
  const own = existsSync(join(root, dirname(page), 'package.json'))
    ? manifestIn(dirname(page))
    : undefined
  return own?.scripts === undefined ? manifestIn('.') : own
}

/** All packages with which parts of this repository are installed and tested. */
const KNOWN_PACKAGES = new Set(
  ['.', 'bench', ...foldersIn('test/frameworks'), ...foldersIn('examples')]
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map(manifestIn)
    .flatMap((one) => [
      one.name ?? '',
      ...Object.keys({ ...one.dependencies, ...one.devDependencies, ...one.peerDependencies }),
    ]),
)

function foldersIn(folder: string): string[] {
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
}

/** The fault of a command; `undefined` if there is none. */
type Check = (
  words: readonly string[],
  command: ShellCommand,
) => string | undefined | Promise<string | undefined>

/** Commands of the system or of Google; test/cli/setup.test.ts checks `gcloud`. */
const OF_THE_SYSTEM = ['base64', 'cat', 'curl', 'done', 'for', 'gcloud', 'grep', 'mkdir', 'openssl']

const PROGRAMS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(OF_THE_SYSTEM.map((name) => [name, () => undefined])),
  cd: ([folder = '']) => {
    const shipped = folder.replace('node_modules/viur-session/', '')
    return shipped === folder || existsSync(join(root, shipped)) ? undefined : 'no such folder'
  },
  sed: (words) => (words[0] === '-i.bak' ? undefined : 'the sed of macOS needs -i.bak'),
  eval: () => undefined,
  './emulator.sh': (words) => emulator(words),
  node: ([first = '', code = ''], { block }) => {
    if (first === '-p') {
      const value: unknown = new Function('require', `return ${code}`)(
        createRequire(import.meta.url),
      )
      return value === undefined ? 'it prints nothing' : undefined
    }
    // The block that has the command contains the name too.
    const isFile = (shown: string): boolean =>
      shown.startsWith(`// ${first}`) || shown.includes(`> ${first}`)
    return BLOCKS.some(({ page, code: shown }) => page === block.page && isFile(shown))
      ? undefined
      : 'the page shows no such file'
  },
  esbuild: (words) => bundled(words),
  npm: (words, { block }) => npm(words, manifestOf(block.page)),
  npx: (words) => npx(words),
}

function npm([command = '', ...words]: readonly string[], manifest: Manifest): string | undefined {
  if (['ci', 'init', 'pkg'].includes(command)) return undefined
  if (command === 'install') {
    const unknown = words.filter((word) => !word.startsWith('-') && !KNOWN_PACKAGES.has(word))
    return unknown.length === 0 ? undefined : `no test knows ${unknown}`
  }
  const script = command === 'run' ? (words[0] as string) : command
  if (manifest.scripts?.[script] === undefined) return `package.json has no script ${script}`
  const part = words[words.indexOf('--') + 1] as string
  return script !== 'bench' || part === '--quick' || !words.includes('--')
    ? undefined
    : npm(['run', `bench:${part}`], manifest)
}

function npx([program = '', ...words]: readonly string[]):
  | Promise<string | undefined>
  | string
  | undefined {
  if (program === 'viur-session') {
    return words[0] === 'emulator' ? emulator(words.slice(1)) : ownCommand(words)
  }
  if (program === '@viur-session/cloud-tasks-server') {
    return words.every((word) => /^\d+$|^http:\/\//.test(word))
      ? undefined
      : 'takes a port, and an app'
  }
  if (program === 'vitest') {
    const paths = words.filter((word) => word.startsWith('test/'))
    return paths.find((path) => !existsSync(join(root, path)))
  }
  if (program === 'esbuild') return bundled(words)
  // Neither is installed in this repository.
  return ['firebase-tools', 'tsx'].includes(program) ? undefined : 'no test knows this program'
}

/** Checks that the packages that stay outside of a bundle exist. */
function bundled(words: readonly string[]): string | undefined {
  const outside = words.flatMap((word) => /^--external:(.*)$/.exec(word)?.[1] ?? [])
  const unknown = outside.filter((name) => !(name in (manifestIn('.').peerDependencies ?? {})))
  return unknown.length === 0 ? undefined : `no peer: ${unknown}`
}

function emulator(words: readonly string[]): string | undefined {
  const script = readFileSync(join(root, 'emulator.sh'), 'utf8')
  const own = words.slice(0, words.includes('--') ? words.indexOf('--') : undefined)
  const [first = ''] = own
  if (
    ['start', 'stop', 'status', 'reset', 'npm', 'node'].includes(first) ||
    first.startsWith('-')
  ) {
    return own.find((word) => word.startsWith('--') && !script.includes(`  ${word} `))
  }
  return `emulator.sh has no ${first}`
}

/** The parser of the command, with actions that do nothing. */
async function ownCommand(words: readonly string[]): Promise<string | undefined> {
  const program = programOf('0.0.0', () => {})
  const each = (command: Command): Command[] => [command, ...command.commands.flatMap(each)]
  let called = ''
  for (const command of each(program)) {
    command.configureOutput({ writeErr: () => {} })
    if (command.commands.length === 0) {
      command.action(() => {
        called = command.name()
      })
    }
  }
  try {
    await program.parseAsync([...words], { from: 'user' })
  } catch (error) {
    return String(error)
  }
  return called === '' ? 'it calls nothing' : undefined
}

describe('the commands on the pages', () => {
  it('are found', () => {
    expect(commands.length).toBeGreaterThan(100)
  })

  it('are such as there are', async () => {
    const wrong: string[] = []
    for (const command of commands) {
      const [program = '', ...words] = command.words
      const problem = await (PROGRAMS[program]?.(words, command) ??
        (program in PROGRAMS ? undefined : 'no rule for this program'))
      const { page, line } = command.block
      if (problem !== undefined) wrong.push(`${page}:${line}: ${command.text}: ${problem}`)
    }
    expect(wrong).toEqual([])
  })

  it.each([
    ['viur-session', 'lsit'],
    ['viur-session', 'list', '--no-such-option'],
    ['viur-session', 'emulator', 'start', '--no-such-option'],
  ])('would be found where there is none: npx %s %s %s', async (...words) => {
    expect(await npx(words.filter((word) => word !== undefined))).toBeDefined()
  })
})
