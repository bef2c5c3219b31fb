/** About how many bytes a text takes in memory: V8 keeps one for each character while all are Latin-1, else two. */
export function bytesInMemory(text: string): number {
  return isWide(text) ? text.length * 2 : text.length
}

function isWide(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0xff) return true
  return false
}
