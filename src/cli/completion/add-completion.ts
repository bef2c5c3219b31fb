import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import { bashScript } from './bash.ts'
import { isFileWord } from './file-words.ts'
import { zshScript } from './zsh.ts'

/** Tells the shell that no word is proposed, so that it proposes files. */
const FILES = ':0\n'

const SHELLS = ['bash', 'zsh', 'fish']

/** Adds `completion`, which prints a script for a shell, and the hidden command `complete`, which that script calls. */
export function addCompletion(program: Command): void {
  const name = program.name()
  const shells = tab(program, { completionCommandName: 'completion' })
  const completion = commandOf(program, 'completion')
  // The script for PowerShell would evaluate the line that is completed.
  completion.registeredArguments[0]?.choices(SHELLS)
  shells.commands.get('completion')?.argument('shell', (propose) => {
    for (const shell of SHELLS) propose(shell, '')
  })
  completion
    .description('Prints the script that completes commands and options in a shell.')
    .action((shell: string) => {
      if (shell === 'bash') process.stdout.write(bashScript)
      else if (shell === 'zsh') process.stdout.write(zshScript)
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
