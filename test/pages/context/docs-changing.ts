import { createSessions } from 'viur-session'

const sessions = createSessions<{ views?: number; cart?: string[]; order?: string }>()
export const session = await sessions.open({ secure: true }).load()
export const price = 3
export const payments = {
  place: async (_cart: string[] | undefined, _options: { signal: AbortSignal }) => 'A-17',
}
