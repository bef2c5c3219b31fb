import { sessionContext } from '../session'
import type { Route } from './+types/unkept'

// What cannot be kept is found out by the commit.
export function loader({ context }: Route.LoaderArgs) {
  const views: unknown[] = []
  context.get(sessionContext).set('views', views as never)
  views.push(() => {})
  return new Response('kept')
}
