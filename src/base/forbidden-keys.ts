/** Keys that can change an object's prototype when they are copied carelessly. Sessions refuse them at any depth. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
])
