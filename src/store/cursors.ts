import { storeRefusal } from '../base/store-errors.ts'

/** A cursor of a store that orders by itself: where the page ended, and of which selection it was. */
export function encodeCursor(position: string, selection: object): string {
  return Buffer.from(JSON.stringify([selectionText(selection), position])).toString('base64url')
}

/** The position behind which the next page starts. Throws for a cursor that is not one of this selection. */
export function decodeCursor(cursor: string, selection: object): string {
  try {
    const [of, position] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[]
    if (of === selectionText(selection) && typeof position === 'string') return position
  } catch {
    // Falls through: garbage is refused like a cursor of another selection.
  }
  throw storeRefusal('this cursor is not one of this selection: start again without it')
}

/** The order of pages: by bucket, then by name, as the index of Datastore has it. */
export function position(bucketEnd: number, name: string): string {
  return `${String(bucketEnd).padStart(16, '0')} ${name}`
}

function selectionText(selection: object): string {
  return JSON.stringify(Object.entries(selection).sort(([a], [b]) => (a < b ? -1 : 1)))
}
