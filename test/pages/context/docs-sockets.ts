import { createServer } from 'node:http'
import { Server } from 'socket.io'

export * from './app.js'

export const server = createServer()
export const io = new Server(createServer())
