import type { RequestHandler } from 'express'

export * from './app.js'

export interface Admin {
  role?: string
}
export interface Account {
  id: string
}
const answer: RequestHandler = (_req, res) => void res.sendStatus(204)
export { answer as account, answer as closeAccount, answer as setPrices }
