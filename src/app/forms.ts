import type { Request, Response } from 'express'

/** A request that does not come from a form of this app. */
export class BadRequestError extends Error {
  override name = 'BadRequestError'
  readonly status = 400
}

/** Redirects with 303: the browser asks for the page with GET. */
export function seeOther(response: Response, path: string): void {
  response.redirect(303, path)
}

/** Returns one field of the body. Throws `BadRequestError` for a missing or repeated one. */
export function field(request: Request, name: string): string {
  const body = request.body as Record<string, unknown> | null | undefined
  const value = body?.[name]
  if (typeof value !== 'string') throw new BadRequestError(`the form needs one field "${name}"`)
  return value
}

/** Returns the text if it is one of the allowed values. Throws `BadRequestError` for any other. */
export function oneOf<Value extends string>(allowed: readonly Value[], text: string): Value {
  const found = allowed.find((value) => value === text)
  if (found === undefined) throw new BadRequestError('the form has an unknown value')
  return found
}
