import { type Cart, countPieces } from './cart.ts'

/** One order. A shop keeps its orders in a database, and this demo in the session. */
export interface Order {
  readonly number: number
  readonly pieces: number
  readonly note: string
  readonly placed: Date
}

/** A session is not a database, so the orders need limits. */
export const MAX_ORDERS = 5
export const MAX_NOTE_LENGTH = 120

/** Returns the orders with one more, newest first. */
export function withOrder(
  orders: readonly Order[],
  cart: Cart,
  note: string,
  placed: Date,
): readonly Order[] {
  const order: Order = {
    number: (orders[0]?.number ?? 0) + 1,
    pieces: countPieces(cart),
    note: noteFrom(note),
    placed,
  }
  return [order, ...orders].slice(0, MAX_ORDERS)
}

export function noteFrom(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, MAX_NOTE_LENGTH).toWellFormed()
}
