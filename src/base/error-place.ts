/**
 * Makes a safe `cause` from an error that the app's own code threw. It keeps the class of the error and the place where
 * it was thrown, but not the message, which may quote stored data.
 */
export function placeOf(error: unknown): Error {
  const name = classOf(error)
  const place = new Error(`${name}, whose message is left out since it may quote the data`)
  place.name = name
  place.stack = [`${name}: ${place.message}`, ...framesOf(error)].join('\n')
  return place
}

/** Describes a thrown value for a message: the name of its class, or its type if it is not an `Error`. */
export function classOf(error: unknown): string {
  if (!(error instanceof Error)) return `a value of type ${typeof error}`
  const { name } = Object.getPrototypeOf(error)?.constructor ?? {}
  return typeof name === 'string' && /^\w{1,60}$/.test(name) ? name : 'Error'
}

function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return []
  const { stack, message } = error
  // The stack starts with the message, and the message may contain lines that look like frames.
  const end = message === '' ? 0 : stack.indexOf(message) + message.length
  return stack
    .slice(Math.max(end, 0))
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
}
