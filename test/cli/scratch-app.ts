import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildCodeInto, stateOfPackage } from '../built-package.ts'
import { uniqueSpace } from '../setup/stores.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The output of a command, and its exit code. */
export interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/** A folder outside of the repository that finds the installed package, for the sessions module of an app. */
export interface ScratchApp {
  /** The namespace of its sessions in the emulator. */
  readonly space: string
  /** The file of the command. */
  readonly command: string
  /** The path of a file in the folder. */
  path(name: string): string
  /** Writes a file into the folder. */
  write(name: string, text: string): void
  /** Runs the command `viur-session` to its end. */
  run(args: readonly string[], environment?: Record<string, string>): Promise<Ended>
  /**
   * The same, on a terminal of this width, which has one stream for all output. `answer`: the typed answer to a
   * question.
   */
  onTerminal(args: readonly string[], width?: number, answer?: string): Promise<Ended>
  /** Starts the command. */
  start(
    args: readonly string[],
    environment?: Record<string, string>,
  ): ChildProcessWithoutNullStreams
  remove(): void
}

/** Returns the folder of the apps, with the installed package, which all files of a run share. */
function folderOfApps(): string {
  const apps = process.env['VIUR_TEST_APPS']
  if (apps === undefined) throw new Error('test/setup/apps-folder.ts is no set-up of this project')
  const folder = join(apps, stateOfPackage())
  if (existsSync(folder)) return folder
  const beside = mkdtempSync(join(apps, 'beside-'))
  const modules = join(beside, 'node_modules')
  buildCodeInto(join(modules, 'viur-session'))
  for (const name of ['@grpc/grpc-js', '@google-cloud/datastore', 'google-auth-library']) {
    mkdirSync(join(modules, dirname(name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  // A rename is all or nothing. If two processes do so at the same time, the second finds it there.
  try {
    renameSync(beside, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
  return folder
}

/** Makes a new folder, which finds the package in the folder above. `host`: the Datastore emulator. */
export function scratchApp(host: string): ScratchApp {
  const apps = folderOfApps()
  const folder = mkdtempSync(join(apps, 'app-'))
  const space = uniqueSpace()
  const command = join(apps, 'node_modules/viur-session/dist/lib/cli.js')
  const start = (program: string, words: readonly string[], more: Record<string, string>) => {
    const { PATH = '' } = process.env
    const env = { PATH, SPACE: space, DATASTORE_EMULATOR_HOST: host, ...more }
    return spawn(program, words, {
      cwd: folder,
      env: { METADATA_SERVER_DETECTION: 'none', ...env },
    })
  }
  const onNode = (args: readonly string[], environment: Record<string, string> = {}) =>
    start(process.execPath, [command, ...args], environment)
  return {
    space,
    command,
    path: (name) => join(folder, name),
    write: (name, text) => writeFileSync(join(folder, name), text),
    run: (args, environment) => ended(onNode(args, environment)),
    onTerminal: async (args, width = 80, answer = '') => {
      const words = [process.execPath, command, ...args].map((word) => `'${word}'`).join(' ')
      const shell = ['-qec', `stty cols ${width}; ${words}`, '/dev/null']
      const child = start('script', shell, { TERM: 'xterm-256color' })
      child.stdout.on('data', (chunk) => {
        if (String(chunk).includes('[y/N]')) child.stdin.write(answer)
      })
      return await ended(child)
    },
    start: onNode,
    remove: () => rmSync(folder, { recursive: true }),
  }
}

/** Returns the complete output of a process. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (said.stdout += chunk))
  child.stderr.on('data', (chunk) => (said.stderr += chunk))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { ...said, code }
}
