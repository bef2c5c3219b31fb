/** Only a name to resolve paths against. */
const HERE = 'http://here.invalid'

/** Longer ones would make a redirect that servers refuse to read (Node takes 16 KiB of headers, and encoding triples). */
const MAX_LENGTH = 2000

/** Layers of encoding that are looked through; no link of an app has as many. */
const MAX_LAYERS = 5

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROL = /[\x00-\x1f\x7f]/

/**
 * The path, query and fragment of this text as a browser would send it, if it leads nowhere but to this server; else
 * `null`. Refused is what a browser, or an app or proxy that decodes it once more, would take for another host
 * (`//evil`, `/\evil`, `/.//evil`, `/%5cevil`), and a path with control characters.
 */
export function localPath(text: unknown): string | null {
  if (typeof text !== 'string' || text.length > MAX_LENGTH || CONTROL.test(text)) return null
  const url = resolved(text)
  if (url === null) return null
  const path = decoded(url.pathname)
  if (path === null || CONTROL.test(path) || resolved(path) === null) return null
  return url.pathname + url.search + url.hash
}

/** As browsers resolve it (WHATWG URL): they take `\` for `/`, and go up by `..`, encoded or not. */
function resolved(text: string): URL | null {
  if (!/^\/(?![/\\])/.test(text) || !URL.canParse(text, HERE)) return null
  const url = new URL(text, HERE)
  return url.origin === HERE && !url.pathname.startsWith('//') ? url : null
}

/** Without any encoding of ASCII; `null`: there is too much of it. */
function decoded(path: string): string | null {
  let before = path
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    const after = before.replace(/%([0-7][\da-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    if (after === before) return after
    before = after
  }
  return null
}
