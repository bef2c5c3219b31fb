import { randomBytes } from 'node:crypto'

export * from './app.js'

export const keys = [{ id: '2026', key: randomBytes(32) }]
export const users = {
  sessionsSince: async (_user: string): Promise<Date | null> => null,
  setSessionsSince: async (_user: string, _since: Date): Promise<void> => {},
}
