/** One line of the cart. */
export interface CartItem {
  readonly id: number
  readonly name: string
  quantity: number
}

/** The value of the session under `cart`: it is deep, and changed in place. */
export interface Cart {
  readonly items: CartItem[]
}

/** An action on one line of the cart. */
export type CartAction = 'plus' | 'minus' | 'remove'

/** A session is not a database, so the cart needs limits. */
const MAX_ITEMS = 20
const MAX_QUANTITY = 99
export const MAX_NAME_LENGTH = 60

/** Puts one more of this into the cart if there is room. Returns `false` for an empty name. */
export function addToCart(cart: Cart, text: string): boolean {
  const name = text.replace(/\s+/g, ' ').trim().slice(0, MAX_NAME_LENGTH)
  if (name === '') return false
  const known = cart.items.find((item) => item.name === name)
  if (known !== undefined) {
    known.quantity = Math.min(known.quantity + 1, MAX_QUANTITY)
  } else if (cart.items.length < MAX_ITEMS) {
    const id = Math.max(0, ...cart.items.map((item) => item.id)) + 1
    cart.items.push({ id, name, quantity: 1 })
  }
  return true
}

/** Changes one line in place. Does nothing for a line that another tab has removed. */
export function changeCart(cart: Cart, id: number, action: CartAction): void {
  const index = cart.items.findIndex((item) => item.id === id)
  const item = cart.items[index]
  if (item === undefined) return
  if (action === 'plus') item.quantity = Math.min(item.quantity + 1, MAX_QUANTITY)
  if (action === 'minus') item.quantity -= 1
  if (action === 'remove' || item.quantity < 1) cart.items.splice(index, 1)
}

/** How many pieces are in the cart. */
export function countPieces(cart: Cart): number {
  return cart.items.reduce((sum, item) => sum + item.quantity, 0)
}
