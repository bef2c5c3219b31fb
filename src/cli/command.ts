import { Argument, type Command } from 'commander'
import type { ExitCode } from './exit.ts'
import type { CommonOptions, Job, Needs } from './job.ts'

/** Everything that the commands do. */
type Work = typeof import('./work.ts')

/** Makes a command of the program, with the parts that all commands have: `--json`, and examples in its help. */
export function command(
  program: Command,
  name: string,
  about: string,
  examples: readonly string[],
): Command {
  return program
    .command(name)
    .description(about)
    .option('--json', 'answer with JSON')
    .addHelpText(
      'after',
      `\nFor example:\n${examples.map((one) => `  npx viur-session ${one}`).join('\n')}`,
    )
}

/** Argument that takes one of a few words. Help and completion show them; the command itself checks them. */
export function oneOf(name: string, about: string, words: readonly string[]): Argument {
  const argument = new Argument(name, about)
  argument.argChoices = [...words]
  return argument
}

/** Adds the options that choose the sessions: those of the app's module, or those that can be found without it. */
export function withSessions(made: Command): Command {
  return withModule(made)
    .optionsGroup('Without a module of the app:')
    .option('--project <id>', 'the Google Cloud project; default: of the environment')
    .option('--database <id>', 'the database; default: (default)')
    .option('--namespace <name>', 'the namespace; default: none')
    .option('--kind <name>', 'the kind of the sessions; default: viur-session')
    .option('--file <path>', 'the file of sqliteStore()')
    .optionsGroup('Options:')
}

/** Adds the option that names the app's module. */
export function withModule(made: Command): Command {
  return made.option(
    '--sessions <file>',
    "module that exports the app's sessions, by default or as `sessions`",
  )
}

/** Makes the action of a command that works on sessions. `choose`: returns what the command does. */
export function onThem(
  ended: (code: ExitCode) => void,
  choose: (work: Work) => (job: Job, ...given: never[]) => Promise<ExitCode>,
  needs: Needs = {},
): (...args: readonly unknown[]) => Promise<void> {
  return async (...args) => {
    // Commander adds the command itself, after the arguments and the options.
    const given = args.slice(0, -1)
    const work = await import('./work.ts')
    const run = (job: Job) => choose(work)(job, ...(given as never[]))
    ended(await work.onSessions(given.at(-1) as CommonOptions, run, needs))
  }
}
