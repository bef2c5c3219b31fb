import type { RequestHandler } from './$types'

// What cannot be kept is found out by the commit.
export const GET: RequestHandler = ({ locals: { session } }) => {
  const views: unknown[] = []
  session.set('views', views as never)
  views.push(() => {})
  return new Response('kept')
}
