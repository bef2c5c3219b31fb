/** Records every file that is loaded as an ES module, for the process that registered it. */
import { appendFileSync } from 'node:fs'

let file

export function initialize(data) {
  file = data.file
}

export async function load(url, context, next) {
  if (url.startsWith('file:')) appendFileSync(file, `${url}\n`)
  return await next(url, context)
}
