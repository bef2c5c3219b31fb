/**
 * Whether this V8 gives an object its own layout when its prototype is replaced, as Express does with every request and
 * response. Node 20 and 22 have such a V8.
 */
const COPIES_LAYOUTS = Number.parseInt(process.versions.v8 ?? '', 10) < 13

/**
 * Makes adding properties to a request or a response of Express cheap. While the object has its own layout, V8 copies
 * that whole layout, about 1 KB, for each added property, and keeps the copy until a major collection. Deleting an
 * older property turns the object into a dictionary, which avoids the copies. `name`: the property by which Express
 * links the request and the response. This saves two thirds of the time that the middleware adds to a page that reads
 * the session (bench/RESULTS.md, "Profile"). Later versions of V8 share the layout, and outside of Express the
 * prototype is not replaced.
 */
export function loosen(message: object, name: 'req' | 'res'): void {
  if (!COPIES_LAYOUTS || !('app' in message)) return
  const property = Object.getOwnPropertyDescriptor(message, name)
  if (property?.configurable !== true || !Reflect.deleteProperty(message, name)) return
  Object.defineProperty(message, name, property)
}
