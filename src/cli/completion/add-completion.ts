import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import { bashScript } from './bash.ts'
import { isFileWord } from './file-words.ts'

/** Tells the shell that no word is proposed, so that it proposes files. */
const FILES = ':0\n'

/** Adds `completion`, which prints a script for a shell, and the hidden command `complete`, which that script calls. */
export function addCompletion(program: Command): void {
  const name = program.name()
  const shells = tab(program, { completionCommandName: 'completion' })
  commandOf(program, 'completion')
    .description('Prints the script that completes commands and options in a shell.')
    .action((shell: string) => {
      if (shell === 'bash') process.stdout.write(bashScript)
      else shells.setup(name, name, shell)
    })
  commandOf(program, 'complete').action((words: string[]) => {
    if (isFileWord(program, words)) process.stdout.write(FILES)
    else shells.parse(words)
  })
}

function commandOf(program: Command, name: string): Command {
  const command = program.commands.find((one) => one.name() === name)
  if (command === undefined) throw new Error(`@bomb.sh/tab adds no command ${name}`)
  return command
}
