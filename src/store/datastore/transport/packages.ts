import { createRequire } from 'node:module'

/**
 * Returns the version of an installed package from its package.json; `null` if that cannot be found, for example in an
 * app that is bundled into one file.
 */
export function versionOf(packageName: string): string | null {
  try {
    const found: unknown = createRequire(import.meta.url)(`${packageName}/package.json`)
    const { version } = found as { version?: unknown }
    return typeof version === 'string' ? version : null
  } catch {
    return null
  }
}
