import { sessionContext } from '../session'
import type { Route } from './+types/unkept'

// The commit finds the value that cannot be stored.
export function loader({ context }: Route.LoaderArgs) {
  const views: unknown[] = []
  context.get(sessionContext).set('views', views as never)
  views.push(() => {})
  return new Response('kept')
}
