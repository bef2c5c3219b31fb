import { serve } from '../../lib/session'

// The commit finds the value that cannot be stored.
export const GET = (request: Request) =>
  serve(request, (session) => {
    const views: unknown[] = []
    session.set('views', views as never)
    views.push(() => {})
    return new Response('kept')
  })
