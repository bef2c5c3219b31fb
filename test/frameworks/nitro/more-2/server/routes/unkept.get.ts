import { defineEventHandler } from 'h3'
import { sessions } from '../utils/sessions'

// The commit finds the value that cannot be stored.
export default defineEventHandler(({ node }) => {
  const views: unknown[] = []
  sessions.of(node.req).set('views', views as never)
  views.push(() => {})
  return 'kept'
})
