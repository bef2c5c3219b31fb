/**
 * Makes the message for a package of one feature that could not be loaded. It says that the package is not installed,
 * or why an installed one failed. `needs`: the feature, such as `datastoreStore()`.
 */
export function loadFailure(packageName: string, needs: string, cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  // An installed package fails with the same code when one of its own dependencies is missing.
  const [, missing = packageName] = /Cannot find (?:package|module) '([^']+)'/.exec(message) ?? []
  if (isNotInstalled(cause) && missing === packageName)
    return `${needs} needs ${packageName}: run "npm install ${packageName}"`
  const [first = ''] = message.split('\n')
  return `${packageName} could not be loaded (${first}): install it again, and in a bundled app leave it out of the bundle (esbuild: --external:${packageName})`
}

/** Whether an import failed because a module is not installed. */
export function isNotInstalled(cause: unknown): boolean {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : null
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
