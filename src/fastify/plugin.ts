import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { SessionConfigError } from '../base/errors.ts'
import { loadFirst, slotFor } from '../node/attach.ts'
import { clashOf } from '../node/request/clash.ts'
import { linkSlot, propertyOf } from '../node/request/mounted-sessions.ts'
import type { AnyRequest } from '../node/request/session-request.ts'
import { firstSlot, sharedSessions } from '../request/mounted.ts'
import type { Session } from '../request/session.ts'
import { arrivalOf } from './arrival.ts'
import { commitReply } from './commit-reply.ts'
import { watchHijack } from './hijack.ts'
import { type FastifySessionOptions, type FastifySettings, settingsFrom } from './options.ts'

type Done = (error?: Error) => void

/** Registered settings by Fastify instance; instances below inherit them. */
const registered = new WeakMap<object, FastifySettings[]>()

/**
 * Gives every request its `request.session`, and stores the changes of the request before its response is sent: the
 * hook `onSend` waits for that. When the changes cannot be stored, the response is dropped, and the error goes to the
 * error handler of Fastify. Registering the same sessions a second time has no effect.
 *
 * ```ts
 * const app = fastify({ trustProxy: 1 })
 * await app.register(fastifySession, { sessions: createSessions() })
 * app.get('/', async (request) => ({ user: request.session.user }))
 * ```
 *
 * It applies to the instance that it is registered with and to those below, from then on. Registering throws
 * `SessionConfigError` for sessions that neither `createSessions()` nor `createCookieSessions()` made, and for wrong
 * options.
 */
export const fastifySession: FastifyPluginCallback<FastifySessionOptions> = fastifyPlugin(
  (app: FastifyInstance, options: FastifySessionOptions, done: Done) => {
    try {
      const settings = settingsFrom(options)
      if (isNew(app, settings)) register(app, settings)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  },
  { name: 'viur-session', fastify: '>=4' },
)

function register(app: FastifyInstance, settings: FastifySettings): void {
  const { name } = settings
  const { get: getter, set: setter } = propertyOf(name) as Required<PropertyDescriptor>
  app.decorateRequest(name, { getter, setter } as never)
  share(app)
  app.addHook('onRequest', (request, reply, next) => open(settings, request, reply, next))
  app.addHook('onSend', commitReply)
  registered.set(app, [...(registered.get(app) ?? []), settings])
}

/** Lets `sessions.of()` accept the Fastify request as well as the Node request. */
function share(app: FastifyInstance): void {
  const { name, getter } = sharedSessions((request) => (request as FastifyRequest).raw)
  if (!app.hasRequestDecorator(name)) app.decorateRequest(name, { getter } as never)
}

/** Gives a request its session. */
function open(
  settings: FastifySettings,
  request: FastifyRequest,
  reply: FastifyReply,
  next: Done,
): void {
  const { sessions, name, ids, eager } = settings
  const raw: AnyRequest = request.raw
  const first = firstSlot(raw)
  let session: Session
  try {
    session = sessions.open(arrivalOf(request, settings))
    const clash = first === null ? null : clashOf(first, session, name, ids !== null)
    if (clash !== null) throw clash
  } catch (error) {
    next(error as Error)
    return
  }
  // Nothing to call: the code that sends a reply gets the error of its commit.
  linkSlot(
    raw,
    slotFor(raw, session, settings, () => {}),
  )
  if (first === null) watchHijack(reply)
  if (eager) loadFirst(session, () => next())
  else next()
}

/** Whether these settings still have to be registered. Throws when others are in the way. */
function isNew(app: FastifyInstance, { sessions, name, ids }: FastifySettings): boolean {
  for (const other of registeredWith(app)) {
    if (other.sessions !== sessions) continue
    if (other.name !== name) {
      throw new SessionConfigError(
        `the same sessions are registered as request.${other.name} and as request.${name}: a request has one session of each createSessions(), so take one name`,
      )
    }
    if ((other.ids === null) === (ids === null)) return false
    throw new SessionConfigError(
      `request.${name} is registered with the option id and without: a request has its session by a cookie or by an id, so register each with an instance of its own`,
    )
  }
  if (!app.hasRequestDecorator(name)) return true
  throw new SessionConfigError(
    registeredWith(app).some((other) => other.name === name)
      ? `request.${name} belongs to the sessions of another createSessions(): make one for the whole app, give this one another name by the option as, or register each with an instance of its own`
      : `request.${name} belongs to another plugin, such as @fastify/session or @fastify/secure-session: remove that, or register each with an instance of its own`,
  )
}

/** Returns everything that is registered with an instance and with those above it, which are its prototypes. */
function registeredWith(app: FastifyInstance): FastifySettings[] {
  const all: FastifySettings[] = []
  for (let one: object | null = app; one !== null; one = Object.getPrototypeOf(one) as object) {
    all.push(...(registered.get(one) ?? []))
  }
  return all
}
