import { storeRefusal } from '../../base/store-errors.ts'

/** The position of an entry, after which a page starts. */
export interface Place {
  readonly bucket: number
  readonly name: string
}

/** Parses the position in a cursor, see `position()`; `null`: before the first entry. */
export function placeOf(position: string | null): Place {
  if (position === null) return { bucket: -1, name: '' }
  const [, bucket, name] = /^(\d{16}) (.+)$/.exec(position) ?? []
  if (bucket === undefined || name === undefined) {
    throw storeRefusal('this cursor does not belong to this store: start again without a cursor')
  }
  return { bucket: Number(bucket), name }
}
