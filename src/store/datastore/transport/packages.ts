import { createRequire } from 'node:module'

/**
 * The version of a package that is installed, as its own package.json says; `null` where that is not to be found, as in an
 * app that is one file.
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
