/**
 * An error of the app's own as a cause that may be told: which class it is of and where it was thrown, without its words,
 * since those may quote what was stored.
 */
export function placeOf(error: unknown): Error {
  const name = classOf(error)
  const place = new Error(`${name}, whose message is left out since it may quote the data`)
  place.name = name
  place.stack = [`${name}: ${place.message}`, ...framesOf(error)].join('\n')
  return place
}

/** What was thrown, for a message: the name of its class, or its type. */
export function classOf(error: unknown): string {
  if (!(error instanceof Error)) return `what is of type ${typeof error}`
  const { name } = Object.getPrototypeOf(error)?.constructor ?? {}
  return typeof name === 'string' && /^\w{1,60}$/.test(name) ? name : 'Error'
}

function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return []
  const { stack, message } = error
  // The words stand before the frames, and may have lines that look like some.
  const end = message === '' ? 0 : stack.indexOf(message) + message.length
  return stack
    .slice(Math.max(end, 0))
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
}
