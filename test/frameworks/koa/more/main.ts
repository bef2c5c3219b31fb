import { spoil } from '../../shared/promises.mjs'
import { app } from './app.js'

app.use((ctx) => {
  spoil(ctx.session)
  ctx.body = 'kept'
})
app.listen(Number(process.env['PORT']))
