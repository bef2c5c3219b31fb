import type { AnyRequest } from '../../node/request/session-request.ts'

/** Maximum size of a form of the console, in bytes. */
const MAX_BYTES = 16 * 1024

/** The fields of a form, each sent once; `null` for a body that is not such a form. */
export type Fields = Readonly<Record<string, string>>

/** Reads a form. When a body parser of the app has read the request already, it uses the parsed body. */
export async function readForm(req: AnyRequest & { body?: unknown }): Promise<Fields | null> {
  const type = req.headers['content-type'] ?? ''
  if (!/^application\/x-www-form-urlencoded *(?:;|$)/i.test(type)) return null
  if (req.readableDidRead || req.readableEnded) return fieldsOf(Object.entries(Object(req.body)))
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of req) {
    size += (chunk as Uint8Array).byteLength
    if (size > MAX_BYTES) return null
    chunks.push(chunk as Uint8Array)
  }
  return fieldsOf([...new URLSearchParams(Buffer.concat(chunks).toString('utf8'))])
}

function fieldsOf(entries: readonly (readonly [string, unknown])[]): Fields | null {
  const fields: Record<string, string> = Object.create(null)
  for (const [name, value] of entries) {
    if (typeof value !== 'string' || Object.hasOwn(fields, name)) return null
    fields[name] = value
  }
  return fields
}
