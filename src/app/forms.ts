import type { Request, Response } from 'express'

/** A request that no form of ours sends. */
export class BadRequestError extends Error {
  override name = 'BadRequestError'
  readonly status = 400
}

/** 303: the browser asks for the page with GET, whatever it sent before. */
export function seeOther(response: Response, path: string): void {
  response.redirect(303, path)
}

/** One field of the body; a missing or repeated one is refused, so that only text goes on from here. */
export function field(request: Request, name: string): string {
  const body = request.body as Record<string, unknown> | null | undefined
  const value = body?.[name]
  if (typeof value !== 'string') throw new BadRequestError(`the form needs one field "${name}"`)
  return value
}

/** The one of these that the text is; any other text is refused. */
export function oneOf<Value extends string>(allowed: readonly Value[], text: string): Value {
  const found = allowed.find((value) => value === text)
  if (found === undefined) throw new BadRequestError('the form has an unknown value')
  return found
}
