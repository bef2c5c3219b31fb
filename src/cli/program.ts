import { Command, CommanderError, Help } from 'commander'
import { addCompletion } from './completion/add-completion.ts'
import { addProjectCommands } from './project-commands.ts'
import { addSessionCommands } from './session-commands.ts'
import { EXIT, UsageError } from './exit.ts'
import { Output } from './output.ts'
import { wrapped } from './text.ts'
import { keysLast } from './keys-last.ts'

/** Runs the command, and returns its exit code. */
export async function run(args: readonly string[], version: string): Promise<number> {
  // The reader of the output may close it early, for example `head`; that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done)
    throw error
  })
  let code: number = EXIT.done
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

/** Minimum width of the column for a description beside its term; in a narrower one the description goes below. */
const BESIDE = 40

/** Formats one entry of the help, on several lines when the terminal is narrow. */
function formatItem(term: string, termWidth: number, description: string, helper: Help): string {
  const width = helper.helpWidth ?? 80
  const isWide = width - termWidth - 4 >= BESIDE
  if (isWide || description === '') {
    return Help.prototype.formatItem.call(helper, term, termWidth, description, helper)
  }
  return [`  ${term}`, ...wrapped(`      ${description}`, width, 6)].join('\n')
}

/** All commands. `ended`: how the one that was called ended. */
export function programOf(version: string, ended: (code: number) => void): Command {
  const program = new Command('viur-session')
    .description(
      "Looks after the sessions of an app, with the app's own options, observers and keys.",
    )
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .configureHelp({ formatItem })
  addSessionCommands(program, ended)
  addProjectCommands(program, ended)
  addCompletion(program)
  return program
}
