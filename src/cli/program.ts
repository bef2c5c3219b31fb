import { Command, CommanderError } from 'commander'
import { EXIT, type ExitCode, UsageError } from './exit.ts'
import { type CommonOptions, type Job, onSessions } from './job.ts'
import { Output } from './output.ts'
import { rewrite } from './rewrite.ts'

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
    await program.parseAsync(args, { from: 'user' })
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
    <Options extends CommonOptions>(work: (job: Job, options: Options) => Promise<ExitCode>) =>
    async (options: Options) =>
      ended(await onSessions(options, (job) => work(job, options)))

  command(
    'rewrite',
    'Stores every live session again that would be stored in another way now: seals what is in clear or under an older key, or opens it where encryption is being taken away. Leaves the others alone.',
    ['rewrite --sessions ./sessions.mjs'],
  ).action(does(rewrite))
  return program
}
