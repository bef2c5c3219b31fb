/** What an object is called in the code of an app, such as `req.session`; `null` for one that is no session. */
export type NameOf = (object: object) => string | null

/** What to do instead, where an app means more than to keep a value. */
const HINTS: Readonly<Record<string, string>> = {
  user: '; to log somebody in: await req.session.login(user)',
  cookie: '; how long a session lives is set by req.session.setExpiry(…)',
  passport: '; for Passport mount passportBridge() before it',
  flash: '; for connect-flash mount passportBridge() before it',
}

const IDENTIFIER = /^[A-Za-z_$][\w$]{0,59}$/

/**
 * Lets every assignment to an object with this prototype throw, as the habit of express-session is
 * `req.session.views = 1`. That no object takes new properties is not enough: outside of strict mode the assignment would
 * vanish without a word. An assignment looks along the prototypes for a setter: so each member gets one, and behind the
 * last prototype of ours stands a proxy that hears of all other names. Reading and calling what there is never gets that
 * far. (A `delete` looks at no prototype, so that it cannot be refused.)
 */
export function refuseAssignments(prototype: object, nameOf: NameOf): void {
  lockMembers(prototype, nameOf)
  const end = new Proxy(Object.create(Object.prototype) as object, {
    set(target, member, value: unknown, receiver: object) {
      refuse(receiver, member, nameOf)
      return Reflect.set(target, member, value, receiver)
    },
  })
  Object.setPrototypeOf(prototype, end)
}

/** The same for the members of a class below. */
export function lockMembers(prototype: object, nameOf: NameOf): void {
  for (const member of Reflect.ownKeys(prototype)) lock(prototype, member, nameOf)
}

function lock(prototype: object, member: PropertyKey, nameOf: NameOf): void {
  const { get, value } = Object.getOwnPropertyDescriptor(prototype, member) as PropertyDescriptor
  Object.defineProperty(prototype, member, {
    configurable: true,
    get: get ?? (() => value as unknown),
    set(this: object, own: unknown) {
      refuse(this, member, nameOf)
      // An object that has a session for its prototype is free to have members of its own.
      const property = { value: own, configurable: true, enumerable: true, writable: true }
      Object.defineProperty(this, member, property)
    },
  })
}

/** With the class that the language has for this, in strict mode. */
function refuse(object: object, member: PropertyKey, nameOf: NameOf): void {
  const name = nameOf(object)
  if (name === null) return
  if (typeof member === 'symbol') {
    throw new TypeError(`${name} takes no properties: a session keeps data under texts only`)
  }
  const key = String(member)
  const [path, shown] = IDENTIFIER.test(key) ? [`.${key}`, `'${key}'`] : ['[…]', 'key']
  const hint = name === 'req.session' && Object.hasOwn(HINTS, key) ? HINTS[key] : ''
  throw new TypeError(`${name}${path} = … would keep nothing: use ${name}.set(${shown}, …)${hint}`)
}
