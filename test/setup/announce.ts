/** Says what a run leaves out so that nobody overlooks it. With CI set a run must leave out nothing, and fails. */
export function leftOut(what: string): void {
  if (process.env['CI']) throw new Error(`LEFT OUT: ${what}`)
  const line = '='.repeat(80)
  console.warn(`\n${line}\nLEFT OUT: ${what.trimEnd()}\n${line}\n`)
}
