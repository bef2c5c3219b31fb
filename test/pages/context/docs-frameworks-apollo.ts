import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

export * from './app.js'

export const server = {}

/** Creates the context of one request, as Apollo Server does for each request. */
export async function startStandaloneServer(
  _server: object,
  options: {
    context: (given: { req: IncomingMessage; res: ServerResponse }) => Promise<object>
  },
): Promise<void> {
  const req = new IncomingMessage(new Socket())
  const { session } = (await options.context({ req, res: new ServerResponse(req) })) as {
    session: { user: string }
  }
  if (session.user !== '__guest__') throw new Error('the request has no session')
}
