import { Command, CommanderError } from 'commander'
import { GUEST_USER } from '../record/record.ts'
import { EXIT, type ExitCode, UsageError } from './exit.ts'
import { type CommonOptions, type Job, onSessions } from './job.ts'
import { Output } from './output.ts'
import { kill } from './kill.ts'
import { list } from './list.ts'
import { rewrite } from './rewrite.ts'
import { show } from './show.ts'
import { status } from './status.ts'
import { sweep } from './sweep.ts'
import { keysLast } from './words.ts'

/** Follows the command, and says how it ended. */
export async function run(args: readonly string[], version: string): Promise<ExitCode> {
  // Whoever reads only the beginning has gone: nothing is wrong.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done)
    throw error
  })
  let code: ExitCode = EXIT.done
  const program = programOf(version, (ended) => {
    code = ended
  })
  try {
    await program.parseAsync(keysLast(args), { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    new Output(false).error(`error: ${error instanceof Error ? error.message : String(error)}`)
    return error instanceof UsageError ? EXIT.usage : EXIT.failed
  }
}

function programOf(version: string, ended: (code: ExitCode) => void): Command {
  const program = new Command('viur-session')
    .description(
      "Looks after the sessions of an app, with the app's own options, observers and keys.",
    )
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
  /** A command on the sessions of the app. */
  const command = (name: string, about: string, examples: readonly string[]) =>
    program
      .command(name)
      .description(about)
      .option(
        '--sessions <file>',
        "module that exports the app's sessions, by default or as `sessions`",
      )
      .option('--json', 'answer with JSON')
      .addHelpText(
        'after',
        `\nFor example:\n${examples.map((one) => `  npx viur-session ${one}`).join('\n')}`,
      )
  const does =
    <Args extends readonly unknown[], Options extends CommonOptions>(
      work: (job: Job, ...args: [...Args, Options]) => Promise<ExitCode>,
    ) =>
    async (...args: [...Args, Options, Command]) => {
      const given = args.slice(0, -1) as [...Args, Options]
      ended(await onSessions(given.at(-1) as Options, (job) => work(job, ...given)))
    }

  command(
    'rewrite',
    'Stores every live session again that would be stored in another way now: seals what is in clear or under an older key, or opens it where encryption is being taken away. Leaves the others alone.',
    ['rewrite --sessions ./sessions.mjs'],
  ).action(does((job: Job, _: CommonOptions) => rewrite(job)))
  command('list', 'Lists the live sessions, all or those of a user.', [
    'list --sessions ./sessions.mjs --user alice',
  ])
    .option('--user <name>', `those of this user; ${GUEST_USER} for those of nobody`)
    .action(does(list))
  command('show', 'Shows one session: its times, its user, its client.', [
    'show KEY --sessions ./sessions.mjs --data',
  ])
    .argument('<KEY>', 'the key of the session, as list shows it')
    .option('--data', 'its data too, but for that of scopes')
    .option('--scope <name>', 'the data of this scope too')
    .action(does(show))
  command('kill', 'Ends one session, those of a user, or all. Asks before.', [
    'kill KEY --sessions ./sessions.mjs',
    'kill --user alice --yes --sessions ./sessions.mjs',
  ])
    .argument('[KEY]', 'the key of the session, as list shows it')
    .option('--user <name>', `those of this user; ${GUEST_USER} for those of nobody`)
    .option('--all', 'those of everybody')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .action(does(kill))
  command('sweep', 'Ends what has expired, and tells the observers.', [
    'sweep --dry-run --sessions ./sessions.mjs',
  ])
    .option('--dry-run', 'count, and end nothing')
    .action(does(sweep))
  command('status', 'Says how the sweep is doing, and what somebody should look at.', [
    'status --sessions ./sessions.mjs',
  ]).action(does((job: Job, _: CommonOptions) => status(job)))
  return program
}
