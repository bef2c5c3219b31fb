/** A word that begins with a hyphen and has the length and characters of a key. The command checks the rest. */
const KEY_WITH_HYPHEN = /^-[\w-]{42}$/

/** A key may begin with a hyphen and would be taken for an option, so such keys move to the end, after `--`. */
export function keysLast(words: readonly string[]): string[] {
  if (words.includes('--')) return [...words]
  const isKey = (word: string) => KEY_WITH_HYPHEN.test(word)
  const keys = words.filter(isKey)
  return keys.length === 0 ? [...words] : [...words.filter((word) => !isKey(word)), '--', ...keys]
}
