/**
 * Converts data of a session to values that JSON has. A value that this process cannot read is replaced by the reason.
 */
export function plainData(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map) return [...value].map(plainData)
  if (value instanceof Set) return [...value].map(plainData)
  if (Array.isArray(value)) return value.map(plainData)
  // A function is the method of a class of the app. Plain data may also have this key, but never with a function.
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON === 'function') return plainData(toJSON.call(value))
  const plain: Record<string, unknown> = Object.create(null)
  for (const name of Object.keys(value)) plain[name] = readable(value, name)
  return plain
}

function readable(value: object, name: string): unknown {
  try {
    return plainData((value as Record<string, unknown>)[name])
  } catch (error) {
    return { unreadable: (error as Error).message }
  }
}
