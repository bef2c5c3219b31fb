import { storeRefusal } from '../base/store-errors.ts'

/** Makes a cursor for a store that sorts by itself. It contains the end of the page and the selection. */
export function encodeCursor(position: string, selection: object): string {
  return Buffer.from(JSON.stringify([selectionText(selection), position])).toString('base64url')
}

/** Returns the position after which the next page starts. Throws for a cursor of another selection. */
export function decodeCursor(cursor: string, selection: object): string {
  try {
    const [of, position] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[]
    if (of === selectionText(selection) && typeof position === 'string') return position
  } catch {
    // Falls through: a malformed cursor is refused like one of another selection.
  }
  throw storeRefusal('this cursor does not belong to this selection: start again without a cursor')
}

/** Returns the sort key of pages: by bucket, then by name, like the index of Datastore. */
export function position(bucketEnd: number, name: string): string {
  return `${String(bucketEnd).padStart(16, '0')} ${name}`
}

function selectionText(selection: object): string {
  return JSON.stringify(Object.entries(selection).sort(([a], [b]) => (a < b ? -1 : 1)))
}
