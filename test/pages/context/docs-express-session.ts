import express from 'express'

export { appEngine, cleanupRoutes } from 'viur-session/express-session'

export const app = express()
export async function release(_user: string, _data: unknown): Promise<void> {}
