import { inspect } from '../../base/node-builtins.ts'
import { SessionValueError } from '../../base/errors.ts'
import { refusedUser } from '../../request/refuse-assignments.ts'
import type { Session } from '../../request/session.ts'
import { registerFace } from '../request/request-session.ts'

/** The methods that the face adds to the session, by name. */
export type FaceMethods = Readonly<Record<string, (...args: never[]) => unknown>>

/** The place where a face finds the data: the session, or a copy of its former data. */
type Source = Pick<Map<string, unknown>, 'get' | 'set' | 'has' | 'delete' | 'keys'>

const known = new WeakMap<object, ReadonlySet<PropertyKey>>()

/** The names of the session's own members. Such a name is never a key of the data here. */
function namesOf(session: Session): ReadonlySet<PropertyKey> {
  const prototype = Object.getPrototypeOf(session) as object
  let names = known.get(prototype)
  if (names === undefined) {
    names = new Set(
      classesOf(prototype)
        .flatMap((each) => Reflect.ownKeys(each))
        .filter((name) => name !== 'constructor' && name !== DATA_OF_CONNECT_FLASH),
    )
    known.set(prototype, names)
  }
  return names
}

/** Connect-flash stores its messages under this key of the data, and reads it as a property. */
const DATA_OF_CONNECT_FLASH = 'flash'

/** Returns the prototypes of the session's class and its base classes. */
function classesOf(prototype: object): object[] {
  const classes: object[] = []
  for (
    let each: object | null = prototype;
    each !== null && Object.hasOwn(each, 'constructor') && each !== Object.prototype;
    each = Object.getPrototypeOf(each) as object | null
  ) {
    classes.push(each)
  }
  return classes
}

/**
 * An object that shows the data of a session as its properties, and also all members of the session. Middleware that
 * was written for express-session reads and writes its data as properties of `req.session`, lists them with `for … in`,
 * and expects `undefined` for missing ones.
 */
export class Face implements ProxyHandler<object> {
  readonly object: object
  readonly #session: Session
  readonly #methods: FaceMethods
  readonly #names: ReadonlySet<PropertyKey>
  #source: Source

  constructor(session: Session, methods: FaceMethods) {
    this.#session = session
    this.#methods = methods
    this.#names = namesOf(session)
    this.#source = session as unknown as Source
    // The target is not the session itself: the proxy of an object that cannot be extended cannot show further
    // properties.
    const target = Object.create(Object.getPrototypeOf(session)) as object
    // The console looks past the proxy at its target, which holds nothing.
    Object.defineProperty(target, inspect.custom, {
      configurable: true,
      value: (depth: number | null, options: object) => inspect(session, { ...options, depth }),
    })
    this.object = new Proxy(target, this)
    registerFace(this.object, session)
  }

  /** From now on the object shows these entries instead of those of the session. */
  keep(entries: ReadonlyMap<string, unknown>): void {
    this.#source = new Map(entries)
  }

  get(target: object, name: PropertyKey, receiver: unknown): unknown {
    if (this.#isKey(name)) return this.#source.get(name)
    if (this.#isMethod(name)) return this.#methods[name]
    if (!this.#names.has(name)) return Reflect.get(target, name, receiver)
    const value: unknown = Reflect.get(this.#session, name, this.#session)
    // The session keeps its state in private fields, which only its own object has.
    return typeof value === 'function' ? value.bind(this.#session) : value
  }

  has(target: object, name: PropertyKey): boolean {
    if (this.#isKey(name)) return this.#source.has(name)
    return this.#isMethod(name) || Reflect.has(target, name)
  }

  set(_target: object, name: PropertyKey, value: unknown): boolean {
    if (name === 'user') throw new SessionValueError(refusedUser(value))
    if (!this.#isKey(name)) throw reservedError(name)
    this.#source.set(name, value)
    return true
  }

  deleteProperty(_target: object, name: PropertyKey): boolean {
    if (name === 'user') throw new SessionValueError(REFUSED_DELETE)
    if (!this.#isKey(name)) throw reservedError(name)
    this.#source.delete(name)
    return true
  }

  defineProperty(target: object, name: PropertyKey, property: PropertyDescriptor): boolean {
    return 'value' in property && this.set(target, name, property.value)
  }

  ownKeys(): string[] {
    return [...this.#source.keys()].filter((name) => this.#isKey(name))
  }

  getOwnPropertyDescriptor(_target: object, name: PropertyKey): PropertyDescriptor | undefined {
    if (!this.#isKey(name) || !this.#source.has(name)) return undefined
    const value = this.#source.get(name)
    return { value, writable: true, enumerable: true, configurable: true }
  }

  setPrototypeOf(): boolean {
    return false
  }

  preventExtensions(): boolean {
    return false
  }

  #isMethod(name: PropertyKey): name is string {
    return typeof name === 'string' && Object.hasOwn(this.#methods, name)
  }

  /**
   * Whether this name is a key of the data. Names that every object has are not, nor are names that a session refuses.
   */
  #isKey(name: PropertyKey): name is string {
    return (
      typeof name === 'string' &&
      !this.#isMethod(name) &&
      !this.#names.has(name) &&
      !(name in Object.prototype) &&
      name !== 'prototype'
    )
  }
}

const REFUSED_DELETE =
  'delete req.session.user would change nothing: to log out: await req.session.logout()'

function reservedError(name: PropertyKey): SessionValueError {
  return new SessionValueError(
    `req.session.${String(name)} is a part of the session itself: keep data under another name, or use req.session.set()`,
  )
}
