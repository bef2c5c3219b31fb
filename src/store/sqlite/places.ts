import { storeRefusal } from '../../base/store-errors.ts'

/** Behind which entry a page starts. */
export interface Place {
  readonly bucket: number
  readonly name: string
}

/** What stands in a cursor, see `position()`; `null`: before the first entry. */
export function placeOf(position: string | null): Place {
  if (position === null) return { bucket: -1, name: '' }
  const [, bucket, name] = /^(\d{16}) (.+)$/.exec(position) ?? []
  if (bucket === undefined || name === undefined) {
    throw storeRefusal('this cursor does not belong to this store: start again without a cursor')
  }
  return { bucket: Number(bucket), name }
}
