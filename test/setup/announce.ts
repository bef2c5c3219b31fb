/** Prints clearly what a run leaves out. With CI set, a run that leaves out anything fails. */
export function leftOut(what: string): void {
  if (process.env['CI']) throw new Error(`LEFT OUT: ${what}`)
  const line = '='.repeat(80)
  console.warn(`\n${line}\nLEFT OUT: ${what.trimEnd()}\n${line}\n`)
}
