import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { leftOut } from './announce.ts'
import { emulatorsOf, type Project } from './projects.ts'

/**
 * Both emulator programs. Each is started for the whole run if one of the chosen files needs it. They differ in the
 * things that they refuse, lock and ignore, so that a test on only one of them proves little. Without a program, the
 * tests that need it are left out with a message. With CI set this is a failure: half a run must not look like a whole
 * one.
 */
const PROGRAMS = [
  {
    name: 'the Datastore emulator in Firestore mode',
    variable: 'DATASTORE_EMULATOR_HOST',
    flags: [],
  },
  {
    name: 'the Firestore emulator in Datastore mode',
    variable: 'VIUR_TEST_NEWER_EMULATOR_HOST',
    flags: ['--newer'],
  },
]

const script = fileURLToPath(new URL('../../emulator.sh', import.meta.url))

/**
 * A program that prints the address of the emulator and runs until its standard input ends. Then the emulator stops
 * too.
 */
const HOLDER = 'console.log(process.env.DATASTORE_EMULATOR_HOST); process.stdin.resume()'

const running: ChildProcess[] = []

/**
 * Options of Java for a run of a few files. Compilation that pays off only after minutes takes up to a third of its
 * processor time, and makes the programs start two seconds later. A whole run needs the faster code that it makes.
 */
const SHORT = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'

export async function setup({ name, vitest }: TestProject): Promise<void> {
  // The file names of the command line, in an internal property of Vitest. If it is missing, both programs are started.
  const { filenamePattern = [] } = vitest as unknown as { readonly filenamePattern?: string[] }
  const asked = emulatorsOf(name as Project, filenamePattern)
  const programs = PROGRAMS.filter(({ variable }) => asked.includes(variable))
  const java = filenamePattern.length > 0 ? SHORT : ''
  const started = await Promise.allSettled(programs.map((program) => start(program, java)))
  const failures = started.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join('\n'))
}

export async function teardown(): Promise<void> {
  await Promise.all(
    running.map(async (child) => {
      const exit = once(child, 'exit')
      child.stdin?.end()
      await exit
    }),
  )
}

async function start(
  { name, variable, flags }: (typeof PROGRAMS)[number],
  java: string,
): Promise<void> {
  if (process.env[variable]) return
  const { DATASTORE_EMULATOR_HOST: _, ...given } = process.env
  const env = { ...given, JDK_JAVA_OPTIONS: `${java} ${given['JDK_JAVA_OPTIONS'] ?? ''}`.trim() }
  const child = spawn('bash', [script, ...flags, '--', process.execPath, '-e', HOLDER], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  running.push(child)
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const host = await Promise.race([
    once(child.stdout as NonNullable<typeof child.stdout>, 'data').then(([chunk]) =>
      String(chunk).trim(),
    ),
    once(child, 'exit').then(() => null),
  ])
  if (host !== null) {
    process.env[variable] = host
    process.env['METADATA_SERVER_DETECTION'] = 'none'
    return
  }
  running.splice(running.indexOf(child), 1)
  leftOut(`every test on ${name}, which does not start here.\n${said}`)
}
