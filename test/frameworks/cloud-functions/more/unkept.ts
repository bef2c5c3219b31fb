import { http } from '@google-cloud/functions-framework'
import { withSession } from 'viur-session/node'
import { sessions } from './function.js'

http(
  'unkept',
  withSession(
    sessions,
    ({ session }, res) => {
      const views: unknown[] = []
      session.set('views', views as never)
      views.push(() => {})
      res.end('kept')
    },
    { trustProxy: 1 },
  ),
)
