import type { Command } from 'commander'

/** Options whose value is the path of a file. */
const FILE_OPTIONS: ReadonlySet<string> = new Set(['--sessions', '--file'])

/** The name that commands give an argument that is the path of a file. */
const FILE_ARGUMENT = 'file'

/** Whether the last of the words, which the shell is to complete, is the path of a file. */
export function isFileWord(program: Command, words: readonly string[]): boolean {
  // In bash the sign of `--file=x` is a separate word.
  const [name, ...given] = words.filter((word) => word !== '=')
  const command = program.commands.find((one) => one.name() === name)
  if (command === undefined) return false
  // After a sign alone the value is still empty.
  if (words.at(-1) === '=') given.push('')
  const takesValue = (word: string | undefined): boolean =>
    command.options.some(({ long, required }) => long === word && required)
  const current = given.pop() ?? ''
  const before = given.at(-1)
  if (before !== undefined && takesValue(before)) return FILE_OPTIONS.has(before)
  if (current.startsWith('-'))
    return FILE_OPTIONS.has(current.split('=', 1)[0] as string) && current.includes('=')
  const positional = given.filter((word, at) => !word.startsWith('-') && !takesValue(given[at - 1]))
  return command.registeredArguments[positional.length]?.name() === FILE_ARGUMENT
}
