export { type FastifySessionStore, fastifySessionStore } from './fastify.ts'
export { type KoaSessionStore, koaSessionStore } from './koa.ts'
export type { OtherStore, OtherStoreOptions } from './options.ts'
