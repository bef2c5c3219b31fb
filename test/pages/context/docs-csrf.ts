import type { RequestHandler } from 'express'

export * from './app.js'

export const deleteAccount: RequestHandler = (_req, res) => void res.sendStatus(204)
