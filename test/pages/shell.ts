import type { Block } from './blocks.ts'

/** One call of a program, as a page shows it. */
export interface ShellCommand {
  readonly block: Block
  /** The command as on the page, on one line, without the commands after `|`, `&&` or `;`. */
  readonly text: string
  /** The program and its arguments, without quotes. */
  readonly words: readonly string[]
}

/** All commands of a block, also those in `$(…)`. The text of a here document contains none. */
export function commandsOf(block: Block): ShellCommand[] {
  const shown = block.language === 'console' ? promptsOf(block.code) : block.code
  const script = shown
    .replaceAll(/<<'(\w+)'\n[\s\S]*?\n\1$/gm, '')
    .replaceAll('\\\n', ' ')
    .replaceAll(/(^|\s)#.*$/gm, '$1')
  return script.split('\n').flatMap((line) => commandsIn(line, block))
}

const promptsOf = (code: string): string =>
  [...code.matchAll(/^\$ (.*)$/gm)].map(([, command = '']) => command).join('\n')

/** Words of a shell, with their quotes. The end of a command, such as `;`, is a word too. */
const TOKEN =
  /&&|\|\||[|&;]|(?:"(?:\\.|[^"\\])*"|'[^']*'|\$\((?:'[^']*'|"[^"]*"|[^)'"])*\)|\\.|[^\s"'|&;])+/g

/** A command inside a word of another command. */
const SUBSTITUTION = /\$\(((?:'[^']*'|"[^"]*"|[^)'"])*)\)/g

/** Words of the shell itself, before a command. */
const KEYWORDS = ['do', 'then', 'else', '{', '!']

function commandsIn(line: string, block: Block): ShellCommand[] {
  const commands: ShellCommand[] = []
  let tokens: string[] = []
  const end = (): void => {
    while (/^\w+=/.test(tokens[0] ?? '') || KEYWORDS.includes(tokens[0] ?? '')) tokens.shift()
    const text = tokens.join(' ')
    const words = tokens.filter((one) => !/^\d?[<>]/.test(one)).map(unquoted)
    if (words.length > 0) commands.push({ block, text, words })
    tokens = []
  }
  for (const [token] of line.matchAll(TOKEN)) {
    for (const [, inner = ''] of token.matchAll(SUBSTITUTION)) {
      commands.push(...commandsIn(inner, block))
    }
    if (/^(?:&&|\|\||[|&;])$/.test(token)) end()
    else tokens.push(token)
  }
  end()
  return commands
}

const unquoted = (word: string): string => word.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'/g, '$1$2')
