import type { IncomingMessage } from 'node:http'
import { QueryIter, type Session } from 'viur-session'

export * from './app.js'

export class CloseTenant extends QueryIter {
  static override readonly id = 'CloseTenant'
  override async handleEntry(): Promise<void> {}
}
export async function handler(session: Session, _req: IncomingMessage) {
  return { status: 200, body: session.user }
}
