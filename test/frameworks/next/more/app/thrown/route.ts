import { notFound, redirect } from 'next/navigation'
import { serve } from '../../lib/session'

export const GET = (request: Request) =>
  serve(request, (session) => {
    session.set('views', (session.get('views') ?? 0) + 1)
    if (request.url.endsWith('redirect')) redirect('/views?after=1')
    notFound()
  })
