declare module 'passport' {
  import type { RequestHandler } from 'express'

  type Done = (error: unknown, value?: unknown, info?: unknown) => void

  export interface Strategy {
    name?: string
  }

  export class Passport {
    use(strategy: Strategy): this
    serializeUser(serialize: (user: never, done: Done) => void): void
    deserializeUser(deserialize: (stored: never, done: Done) => void): void
    initialize(options?: { userProperty?: string }): RequestHandler
    session(): RequestHandler
    authenticate(strategy: string, options?: Readonly<Record<string, unknown>>): RequestHandler
  }

  const passport: { Passport: typeof Passport }
  export default passport
}

declare module 'passport-local' {
  import type { Strategy as Base } from 'passport'

  type Verify = (
    name: string,
    password: string,
    done: (error: unknown, user?: unknown, info?: unknown) => void,
  ) => void

  const local: { Strategy: new (verify: Verify) => Base }
  export default local
}

declare module 'connect-flash' {
  import type { RequestHandler } from 'express'

  export default function flash(): RequestHandler
}
