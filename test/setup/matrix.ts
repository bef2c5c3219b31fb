import { describe, it } from 'vitest'

/**
 * A full matrix of cases takes minutes. The projects of `npm test` run a diagonal of it, in which each row and each
 * column occurs, and *slow* runs the rest. So a file that imports this module is also in the project *slow*. `describeOnce()`
 * leaves out there what is in no matrix.
 */
export const IN_SLOW: boolean = process.env['VIUR_TEST_PROJECT'] === 'slow'

/** A `describe()` that does not run in *slow*. */
export function describeOnce(name: string, suite: () => void): void {
  if (!IN_SLOW) describe(name, suite)
}

/** Returns the pairs of this project. */
export function matrix<Row, Column>(
  rows: readonly Row[],
  columns: readonly Column[],
): (readonly [row: Row, column: Column])[] {
  const isOnDiagonal = (r: number, c: number): boolean =>
    rows.length >= columns.length ? r % columns.length === c : c % rows.length === r
  return rows.flatMap((row, r) =>
    columns
      .filter((_, c) => isOnDiagonal(r, c) !== IN_SLOW)
      .map((column) => [row, column] as const),
  )
}

/**
 * Returns an `it()` for the tests of one column, which are the rows. Each test runs in one of the columns here, in turn,
 * and in the other columns in *slow*.
 */
export function itInTurn(
  column: number,
  columns: number,
): (name: string, test: () => unknown, timeout?: number) => void {
  let row = 0
  return (name, test, timeout) => {
    const isOnDiagonal = row % columns === column
    row += 1
    if (isOnDiagonal !== IN_SLOW) it(name, test, timeout)
  }
}
