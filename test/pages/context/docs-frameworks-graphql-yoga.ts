export * from './app.js'

/** Answers with the context of the request. */
export const yoga = {
  fetch: async (_request: Request, { session }: { session: { user: string } }) =>
    new Response(session.user),
}
