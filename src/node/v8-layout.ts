/**
 * Whether this is a V8 that gives an object a layout of its own when its prototype is replaced, as Express does with
 * every request and response: that of Node 20 and 22.
 */
const COPIES_LAYOUTS = Number.parseInt(process.versions.v8 ?? '', 10) < 13

/**
 * Makes adding properties to a request or a response of Express cheap. With a layout of its own, each property that is added
 * copies the layout of all of them, about 1 KB, which stays until a major collection; as a dictionary, which V8 makes of an
 * object that an older property is taken out of, it does not. `name`: such a property, by which Express has one lead to
 * the other. Of the time that this middleware adds to a page that reads, it takes away two thirds (bench/RESULTS.md,
 * "Profile"). Later versions share the layout, and messages outside of Express have no other prototype.
 */
export function loosen(message: object, name: 'req' | 'res'): void {
  if (!COPIES_LAYOUTS || !('app' in message)) return
  const property = Object.getOwnPropertyDescriptor(message, name)
  if (property?.configurable !== true || !Reflect.deleteProperty(message, name)) return
  Object.defineProperty(message, name, property)
}
