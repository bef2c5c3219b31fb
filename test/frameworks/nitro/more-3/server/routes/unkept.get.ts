import { defineHandler } from 'nitro/h3'
import { sessions } from '../utils/sessions'

// The commit finds the value that cannot be stored.
export default defineHandler((event) => {
  const views: unknown[] = []
  sessions.of(event.req).set('views', views as never)
  views.push(() => {})
  return 'kept'
})
