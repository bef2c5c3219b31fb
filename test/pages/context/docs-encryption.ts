import { randomBytes } from 'node:crypto'

export * from './app.js'

export const encryption = { keys: [{ id: '2026-11', key: randomBytes(32) }] }
