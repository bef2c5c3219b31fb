/**
 * Puts properties over those of an object, and returns a function that restores the object's own properties. A property
 * that the object only inherited stays covered, so from then on it must itself read the inherited value. The reason:
 * when a property is deleted, V8 turns the object into a dictionary, copies its layout, and keeps that, and with it the
 * request, until a major collection. For the same reason the properties must be the same functions for all objects.
 */
export function overlay(target: object, properties: PropertyDescriptorMap): () => void {
  const { names, descriptors } = preparedOf(properties)
  const before = descriptorsOf(target, names)
  for (const [at, name] of names.entries()) {
    Object.defineProperty(target, name, descriptors[at] as PropertyDescriptor)
  }
  return () => restore(target, names, before, false)
}

interface Prepared {
  readonly names: readonly string[]
  readonly descriptors: readonly PropertyDescriptor[]
}

const prepared = new WeakMap<PropertyDescriptorMap, Prepared>()

/** Prepares the properties once: mostly they are the same for all objects. */
function preparedOf(properties: PropertyDescriptorMap): Prepared {
  let found = prepared.get(properties)
  if (found === undefined) {
    const names = Object.keys(properties)
    const descriptors = names.map((name) => {
      const property = { ...properties[name], configurable: true }
      // Writable, like any method, so that wrapping it meanwhile does not throw a TypeError.
      if ('value' in property) property.writable = true
      return property
    })
    found = { names, descriptors }
    prepared.set(properties, found)
  }
  return found
}

/** Remembers an object's own properties, and returns a function that restores them. */
export function remember(target: object, names: readonly string[]): () => void {
  const before = descriptorsOf(target, names)
  return () => restore(target, names, before, true)
}

type Descriptors = readonly (PropertyDescriptor | undefined)[]

function descriptorsOf(target: object, names: readonly string[]): Descriptors {
  // Most objects have none of these properties, and hasOwn is cheaper than reading a descriptor.
  return names.map((name) =>
    Object.hasOwn(target, name) ? Object.getOwnPropertyDescriptor(target, name) : undefined,
  )
}

function restore(
  target: object,
  names: readonly string[],
  before: Descriptors,
  takesOut: boolean,
): void {
  for (const [at, name] of names.entries()) {
    const descriptor = before[at]
    if (descriptor !== undefined) Object.defineProperty(target, name, descriptor)
    else if (takesOut) Reflect.deleteProperty(target, name)
  }
}
