export * from './app.js'

export const carts = { release: async (_id: string, _cart: unknown): Promise<void> => {} }
export const archive = { write: async (_user: string, _data: unknown): Promise<void> => {} }
