import type { RequestHandler } from './$types'

// The commit finds the value that cannot be stored.
export const GET: RequestHandler = ({ locals: { session } }) => {
  const views: unknown[] = []
  session.set('views', views as never)
  views.push(() => {})
  return new Response('kept')
}
