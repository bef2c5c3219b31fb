// Neither package has its own types.
declare module 'connect-flash' {
  import type { RequestHandler } from 'express'
  export default function flash(): RequestHandler
}

declare module 'passport' {
  import type { RequestHandler } from 'express'
  export class Passport {
    use(strategy: unknown): this
    initialize(): RequestHandler
    session(): RequestHandler
    authenticate(strategy: string, options: object): RequestHandler
    serializeUser(
      serialize: (user: never, done: (error: unknown, id?: unknown) => void) => void,
    ): void
    deserializeUser(find: (id: never, done: (error: unknown, user?: unknown) => void) => void): void
  }
  const passport: { Passport: typeof Passport }
  export default passport
}

declare module 'passport-local' {
  export class Strategy {
    constructor(
      verify: (
        username: string,
        password: string,
        done: (error: unknown, user?: unknown, info?: object) => void,
      ) => void,
    )
  }
}
