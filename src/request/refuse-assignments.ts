/**
 * Returns the name that an object has in the code of an app, such as `req.session`; `null` for an object that is no
 * session.
 */
export type NameOf = (object: object) => string | null

/** Hints for assignments that mean more than storing a value. */
const HINTS: Readonly<Record<string, string>> = {
  cookie: '; how long a session lives is set by req.session.setExpiry(…)',
  passport: '; for Passport mount passportBridge() before it',
  flash: '; for connect-flash mount passportBridge() before it',
}

const IDENTIFIER = /^[A-Za-z_$][\w$]{0,59}$/

/**
 * Makes every assignment to an object with this prototype throw, because users of express-session are used to
 * `req.session.views = 1`. It is not enough that the object accepts no new properties: outside of strict mode the
 * assignment would fail silently. An assignment looks for a setter along the prototypes. So each member gets a setter,
 * and a proxy behind our last prototype catches all other names. Reading and calling existing members never reaches the
 * proxy. (A `delete` looks at no prototype, so it cannot be refused.)
 */
export function refuseAssignments(prototype: object, nameOf: NameOf): void {
  lockMembers(prototype, nameOf)
  const end = new Proxy(Object.create(Object.prototype) as object, {
    set(target, member, value: unknown, receiver: object) {
      refuse(receiver, member, value, nameOf)
      return Reflect.set(target, member, value, receiver)
    },
  })
  Object.setPrototypeOf(prototype, end)
}

/** Gives the members of a subclass such setters too. */
export function lockMembers(prototype: object, nameOf: NameOf): void {
  for (const member of Reflect.ownKeys(prototype)) lock(prototype, member, nameOf)
}

function lock(prototype: object, member: PropertyKey, nameOf: NameOf): void {
  const { get, value } = Object.getOwnPropertyDescriptor(prototype, member) as PropertyDescriptor
  Object.defineProperty(prototype, member, {
    configurable: true,
    get: get ?? (() => value as unknown),
    set(this: object, own: unknown) {
      refuse(this, member, own, nameOf)
      // An object whose prototype is a session may have its own members.
      const property = { value: own, configurable: true, enumerable: true, writable: true }
      Object.defineProperty(this, member, property)
    },
  })
}

/**
 * Says how to set the user. It does not name `set('user', …)`: with that the session would stay that of a guest, and a
 * guard `if (req.session.user)` would let every visitor in, since `'__guest__'` is truthy.
 */
export function refusedUser(value: unknown): string {
  const how =
    value === null || value === undefined
      ? 'to log out: await req.session.logout()'
      : 'to log in: await req.session.login(id), with the id as text; to log out: await req.session.logout()'
  return `req.session.user = … would store nothing: ${how}`
}

/** Throws a `TypeError`, as the language does in strict mode. */
function refuse(object: object, member: PropertyKey, value: unknown, nameOf: NameOf): void {
  const name = nameOf(object)
  if (name === null) return
  if (typeof member === 'symbol') {
    throw new TypeError(`${name} takes no properties: keys of session data are texts`)
  }
  const key = String(member)
  const [path, shown] = IDENTIFIER.test(key) ? [`.${key}`, `'${key}'`] : ['[…]', 'key']
  if (name === 'req.session' && key === 'user') throw new TypeError(refusedUser(value))
  const hint = name === 'req.session' && Object.hasOwn(HINTS, key) ? HINTS[key] : ''
  throw new TypeError(`${name}${path} = … would store nothing: use ${name}.set(${shown}, …)${hint}`)
}
