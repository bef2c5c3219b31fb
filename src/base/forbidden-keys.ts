/** Names that reach an object's prototype when they are copied carelessly: no session holds one, at any depth. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
])
