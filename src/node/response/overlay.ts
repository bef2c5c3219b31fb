/**
 * Puts properties over those of an object. The function that it gives puts back what the object had of its own there. What
 * it only inherited stays covered, so that such a property has to lead there by itself from then on: V8 makes a dictionary
 * of an object that a property is taken out of, copies its layout for each, and keeps that, and with it the request, until
 * a major collection. For the same reason the properties must be the same functions for all objects.
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

/** Mostly the properties are the same for all objects, and then made ready once. */
function preparedOf(properties: PropertyDescriptorMap): Prepared {
  let found = prepared.get(properties)
  if (found === undefined) {
    const names = Object.keys(properties)
    const descriptors = names.map((name) => {
      const property = { ...properties[name], configurable: true }
      // Like any method: whoever wraps it meanwhile must not run into a TypeError.
      if ('value' in property) property.writable = true
      return property
    })
    found = { names, descriptors }
    prepared.set(properties, found)
  }
  return found
}

/** Notes down an object's own properties. The function that it gives puts them back as they were. */
export function remember(target: object, names: readonly string[]): () => void {
  const before = descriptorsOf(target, names)
  return () => restore(target, names, before, true)
}

type Descriptors = readonly (PropertyDescriptor | undefined)[]

function descriptorsOf(target: object, names: readonly string[]): Descriptors {
  // Most have none of their own, and being told so costs less than looking for it.
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
