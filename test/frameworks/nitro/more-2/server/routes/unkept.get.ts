import { defineEventHandler } from 'h3'
import { sessions } from '../utils/sessions'

// What cannot be kept is found out by the commit.
export default defineEventHandler(({ node }) => {
  const views: unknown[] = []
  sessions.of(node.req).set('views', views as never)
  views.push(() => {})
  return 'kept'
})
