import type { AnyResponse } from './any-response.ts'

/**
 * Whether this is a V8 that gives an object a layout of its own when its prototype is replaced, as Express does with
 * every response: that of Node 20 and 22.
 */
const COPIES_LAYOUTS = Number.parseInt(process.versions.v8 ?? '', 10) < 13

/**
 * Makes adding properties to a response of Express cheap. With a layout of its own, each property that is added to it
 * copies the layout of all of them, about 1 KB; as a dictionary, which V8 makes of an object that an older property
 * is taken out of, it does not. Of the time that this middleware adds to a page that reads, it takes away two thirds
 * (bench/RESULTS.md, "Profile"). Later versions share the layout, and plain responses have no other prototype.
 */
export function loosen(res: AnyResponse): void {
  if (!COPIES_LAYOUTS || !('app' in res)) return
  const property = Object.getOwnPropertyDescriptor(res, 'req')
  if (property?.configurable !== true || !Reflect.deleteProperty(res, 'req')) return
  Object.defineProperty(res, 'req', property)
}
