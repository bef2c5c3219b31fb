// lib/session.ts
import { cookies, headers } from 'next/headers'
import { notFound, redirect } from 'next/navigation'
import { NextResponse } from 'next/server'
import { cache } from 'react'
import { createSessions, type Session } from 'viur-session'
import { withSession } from 'viur-session/fetch'

interface Data {
  views: number
}

// Next.js loads this file several times in one process: for pages, for route handlers, and for the proxy.
const kept = globalThis as { sessions?: ReturnType<typeof createSessions<Data>> }
kept.sessions ??= createSessions<Data>({
  cookie: { secure: process.env.NODE_ENV === 'production' },
})
export const sessions = kept.sessions

type Handler = (session: Session<Data>, request: Request) => Response | Promise<Response>

/** For route handlers and the proxy. */
export const serve = (request: Request, handler: Handler) =>
  withSession(sessions, request, handler, { trustProxy: 1 })

/** For pages and layouts, which only read. */
export const readSession = cache(async () => {
  const cookie = (await headers()).get('cookie') ?? undefined
  return await sessions.open({ cookie, secure: true }).load()
})

/** For server actions. */
export async function inAction<Result>(
  work: (session: Session<Data>) => Promise<Result>,
): Promise<Result> {
  const request = new Request('https://action.invalid', { headers: await headers() })
  let result: Result | undefined
  const stored = await serve(request, async (session) => {
    result = await work(session)
    return new Response()
  })
  const jar = await cookies()
  for (const cookie of new NextResponse(null, stored).cookies.getAll()) {
    // Next.js loses the Max-Age=0 that removes a cookie.
    jar.set(cookie.value ? cookie : { ...cookie, value: '', expires: new Date(0) })
  }
  // A redirect() or notFound() inside the work has become a response.
  if (stored.status === 404) notFound()
  const to = stored.headers.get('location')
  if (to !== null) redirect(to)
  return result as Result
}
