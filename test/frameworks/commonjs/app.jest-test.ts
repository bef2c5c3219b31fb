import request from 'supertest'
import { app, ends, sessions } from './app'

it('keeps a typed session, guards routes, and calls observers of ends', async () => {
  const agent = request.agent(app)
  await agent.get('/').expect(200, '1')
  await agent.get('/private').expect(401)
  await agent.post('/login').expect(200, 'alice')
  await agent.get('/private').expect(200, 'alice')
  await sessions.killSessionByUser('alice')
  await agent.get('/private').expect(401)
  expect(ends).toEqual(['__guest__ login', 'alice killed'])
})
