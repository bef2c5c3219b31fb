/**
 * What to tell the operator when a package that is only needed for one feature could not be loaded: that it is missing, or
 * that it is there and something is wrong with it, and what. `needs`: the feature, as in `datastoreStore()`.
 */
export function loadFailure(packageName: string, needs: string, cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  // A package that is there fails in the same way when it misses a part of its own.
  const [, missing = packageName] = /Cannot find (?:package|module) '([^']+)'/.exec(message) ?? []
  if (isNotInstalled(cause) && missing === packageName)
    return `${needs} needs ${packageName}: run "npm install ${packageName}"`
  const [first = ''] = message.split('\n')
  return `${packageName} could not be loaded (${first}): install it again, and in a bundled app leave it out of the bundle (esbuild: --external:${packageName})`
}

/** Whether an import failed because something is not there. */
export function isNotInstalled(cause: unknown): boolean {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : null
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
