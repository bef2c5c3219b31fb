/**
 * Puts properties over those of an object. The function that it gives puts back what the object had of its own there. What
 * it only inherited stays covered, so that such a property has to lead there by itself from then on: V8 makes a dictionary
 * of an object that a property is taken out of, copies its layout for each, and keeps that, and with it the request, until
 * a major collection. For the same reason the properties must be the same functions for all objects.
 */
export function overlay(target: object, properties: PropertyDescriptorMap): () => void {
  const names = Object.keys(properties)
  const before = descriptorsOf(target, names)
  for (const name of names) {
    const property = { ...properties[name], configurable: true }
    // Like any method: whoever wraps it meanwhile must not run into a TypeError.
    if ('value' in property) property.writable = true
    Object.defineProperty(target, name, property)
  }
  return () => restore(target, names, before, false)
}

/** Notes down an object's own properties. The function that it gives puts them back as they were. */
export function remember(target: object, names: readonly string[]): () => void {
  const before = descriptorsOf(target, names)
  return () => restore(target, names, before, true)
}

type Descriptors = readonly (PropertyDescriptor | undefined)[]

function descriptorsOf(target: object, names: readonly string[]): Descriptors {
  return names.map((name) => Object.getOwnPropertyDescriptor(target, name))
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
