import { serve } from '../../lib/session'

// What cannot be kept is found out by the commit.
export const GET = (request: Request) =>
  serve(request, (session) => {
    const views: unknown[] = []
    session.set('views', views as never)
    views.push(() => {})
    return new Response('kept')
  })
