/** Puts properties over those of an object. The function that it gives takes them away again. */
export function overlay(target: object, properties: PropertyDescriptorMap): () => void {
  const names = Object.keys(properties)
  const restore = remember(target, names)
  for (const name of names) {
    const property = { ...properties[name], configurable: true }
    // Like any method: whoever wraps it meanwhile must not run into a TypeError.
    if ('value' in property) property.writable = true
    Object.defineProperty(target, name, property)
  }
  return restore
}

/** Notes down an object's own properties. The function that it gives puts them back as they were. */
export function remember(target: object, names: readonly string[]): () => void {
  const before = names.map((name) => Object.getOwnPropertyDescriptor(target, name))
  return () => {
    // The newest first: V8 takes that one back, while an older one taken out makes every use of the object slow.
    for (let at = names.length - 1; at >= 0; at--) {
      const [name, descriptor] = [names[at] as string, before[at]]
      if (descriptor === undefined) Reflect.deleteProperty(target, name)
      else Object.defineProperty(target, name, descriptor)
    }
  }
}
