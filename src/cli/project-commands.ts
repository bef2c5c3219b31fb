import type { Command } from 'commander'
import { command, oneOf, onThem, withSessions } from './command.ts'
import { emulator } from './emulator.ts'
import { PLATFORMS } from './setup/plan.ts'
import type { SetupOptions } from './setup/setup.ts'

/** Adds the commands for the surroundings of the sessions. `ended`: gets the exit code, also that of other programs. */
export function addProjectCommands(program: Command, ended: (code: number) => void): void {
  const add = (name: string, about: string, examples: readonly string[]) =>
    withSessions(command(program, name, about, examples))

  add('doctor', 'Checks everything that the app needs, and prints each problem with its remedy.', [
    'doctor --sessions ./sessions.mjs',
    'doctor --sessions ./sessions.mjs --url https://web.example.com',
    'doctor --project my-project --region europe-west1',
  ])
    .option('--contract', 'run the store contract too, in namespaces that are empty afterwards')
    .option(
      '--url <url>',
      'the address of the app, where calls without credentials must be refused',
    )
    .option('--private', 'IAM guards the service at --url, as privateService() needs it')
    .option('--routes <path>', 'where cleanupRoutes() is mounted; default: /_sessions')
    .option('--region <name>', 'the region of the cron job; default: that of the queue')
    .option('--queue <name>', 'the queue, where no module names it; default: session-sweep')
    .action(onThem(ended, ({ doctor }) => doctor))
  command(
    program,
    'setup',
    'Prints the commands that set a project up, with cron.yaml and queue.yaml; runs them with --apply.',
    [
      'setup cloud-run --project my-project --region europe-west1 --service web',
      'setup appengine --project my-project --region europe-west1 --apply',
      'setup functions --project my-project --region europe-west1 --check',
    ],
  )
    .addArgument(oneOf('<platform>', 'where the app runs', PLATFORMS))
    .option('--project <id>', 'the Google Cloud project; default: of the environment')
    .option('--region <name>', 'the region of database, queue, job and service')
    .option('--service <name>', 'the service or function; default: web')
    .option('--url <url>', 'the address of the app; default: what the platform says')
    .option('--routes <path>', 'where cleanupRoutes() is mounted; default: /_sessions')
    .option('--database <id>', 'the database; default: (default)')
    .option('--kind <name>', 'the kind of the sessions; default: viur-session')
    .option('--apply', 'run them, except those that are already done')
    .option('--yes', 'do not ask before --apply; needed where there is no terminal')
    .option('--check', 'say what is missing, and change nothing')
    .action(async (platform: string, options: SetupOptions) => {
      const { setup } = await import('./work.ts')
      ended(await setup(platform, options))
    })
  add(
    'teardown',
    'Deletes all sessions, security keys and notes, without calling any observer. Asks before.',
    ['teardown --sessions ./sessions.mjs', 'teardown --project my-project --namespace old --yes'],
  )
    .option('--yes', 'do not ask; needed where there is no terminal')
    .action(onThem(ended, ({ teardown }) => teardown))
  add(
    'export',
    'Writes all sessions, fences and notes into a new file that nobody else may read.',
    ['export sessions.ndjson --sessions ./sessions.mjs'],
  )
    .argument('<file>', 'the file to write')
    .action(onThem(ended, ({ exportAll }) => exportAll))
  add(
    'import',
    'Takes in what export wrote. Inserts, and never writes over a session. Run "kill --all" after the import of a backup.',
    ['import sessions.ndjson --project other-project'],
  )
    .argument('<file>', 'the file that export wrote')
    .option('--merge', 'also into a store that has sessions: inserts the missing ones')
    .action(onThem(ended, ({ importAll }) => importAll, { newFile: true }))
  program
    .command('emulator')
    .description('Runs the Datastore emulator on this machine; "emulator help" says how.')
    .argument('[words...]', 'the arguments of emulator.sh')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      ended(await emulator(words))
    })
}
