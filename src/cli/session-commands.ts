import type { Command } from 'commander'
import type { GUEST_USER } from '../record/record.ts'
import { command, oneOf, onThem, withModule, withSessions } from './command.ts'
import type { ExitCode } from './exit.ts'

/** As in the core, which is loaded only when a command is called. */
const GUEST: typeof GUEST_USER = '__guest__'

/** Adds the commands that show, change or end sessions. */
export function addSessionCommands(program: Command, ended: (code: ExitCode) => void): void {
  const add = (name: string, about: string, examples: readonly string[]) =>
    withSessions(command(program, name, about, examples))

  add('status', 'Prints the state of the sweep, and warnings.', [
    'status --sessions ./sessions.mjs',
  ]).action(onThem(ended, ({ status }) => status))
  add('list', 'Lists the live sessions, all or those of a user.', [
    'list --sessions ./sessions.mjs --user alice',
    'list --project my-project --namespace shop',
  ])
    .option('--user <name>', `those of this user; ${GUEST} for guests`)
    .action(onThem(ended, ({ list }) => list))
  add('show', 'Shows one session: its times, its user, its client.', [
    'show KEY --sessions ./sessions.mjs --data',
  ])
    .argument('<KEY>', 'the key of the session, as list shows it')
    .option('--data', 'its data too, except that of scopes')
    .option('--scope <name>', 'the data of this scope too')
    .action(onThem(ended, ({ show }) => show))
  add('kill', 'Ends one session, those of a user, or all. Asks before.', [
    'kill KEY --sessions ./sessions.mjs',
    'kill --user alice --yes --sessions ./sessions.mjs',
  ])
    .argument('[KEY]', 'the key of the session, as list shows it')
    .option('--user <name>', `those of this user; ${GUEST} for guests`)
    .option('--all', 'those of all users')
    .option('--yes', 'do not ask; needed where there is no terminal')
    .action(onThem(ended, ({ kill }) => kill))
  add('sweep', 'Ends expired sessions, and calls the observers.', [
    'sweep --dry-run --sessions ./sessions.mjs',
  ])
    .option('--dry-run', 'count, and end nothing')
    .action(onThem(ended, ({ sweep }) => sweep))
  add('runs', 'Shows the latest runs of sweeps, kills and iterators.', [
    'runs --sessions ./sessions.mjs',
  ]).action(onThem(ended, ({ runs }) => runs))
  add('stats', 'Counts the stored sessions: users, sizes and expiry. Reads every session.', [
    'stats --sessions ./sessions.mjs',
  ]).action(onThem(ended, ({ stats }) => stats))
  add(
    'events',
    'Prints whether the ends of the deployment are events, or turns that on or off. Turn it off when no process has the option events any more.',
    ['events --sessions ./sessions.mjs', 'events off --project my-project'],
  )
    .addArgument(oneOf('[on|off]', 'the new setting', ['on', 'off']))
    .action(onThem(ended, ({ events }) => events))
  withModule(
    command(
      program,
      'rewrite',
      'Stores every live session again whose stored form differs from the present settings: encrypts unencrypted data and data with an older key, or decrypts it when encryption is being removed. Leaves the others unchanged.',
      ['rewrite --sessions ./sessions.mjs'],
    ),
  ).action(onThem(ended, ({ rewrite }) => rewrite, { ofTheApp: true }))
}
