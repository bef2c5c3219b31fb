// The second server of the page.
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { createSessions } from 'viur-session'
import { withSession } from 'viur-session/node'

const sessions = createSessions()
const withNothingElse = withSession(sessions, () => {}, { trustProxy: 1 })
const server = new ApolloServer({
  typeDefs: 'type Query { user: String } type Mutation { login: Boolean }',
  resolvers: {
    Query: { user: (_root, _args, { session }) => session.user },
    Mutation: {
      login: async (_root, _args, { session }) => {
        await session.login('alice')
        return true
      },
    },
  },
})
await startStandaloneServer(server, {
  listen: { port: Number(process.env.PORT) },
  context: async ({ req, res }) => {
    await withNothingElse(req, res)
    return { session: sessions.of(req) }
  },
})
