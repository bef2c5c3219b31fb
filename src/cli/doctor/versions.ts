import { type Check, failure, ok, warning } from './check.ts'

/** An installed package, and the version that this release needs. */
export interface InstalledPackage {
  readonly name: string
  readonly version: string
  /** As in package.json: `>=1.12`. */
  readonly needs: string
}

export interface VersionFacts {
  readonly node: string
  /** As in package.json. */
  readonly nodeNeeds: string
  /** The release of this command. */
  readonly own: string
  /** The release that the app has; `null`: none is installed in the folder. */
  readonly ofTheApp: string | null
  readonly packages: readonly InstalledPackage[]
}

/** Checks whether Node and the packages are new enough. */
export function versionChecks(facts: VersionFacts): Check[] {
  const { node, nodeNeeds, own, ofTheApp, packages } = facts
  const isNewNode = satisfies(node, nodeNeeds)
  return [
    isNewNode
      ? ok('Node', node)
      : failure('Node', `${node} is too old: ${nodeNeeds} is needed`, 'install a newer Node.js'),
    appCheck(own, ofTheApp),
    ...packageChecks(packages),
  ]
}

function packageChecks(packages: readonly InstalledPackage[]): Check[] {
  const old = packages.filter(({ version, needs }) => !satisfies(version, needs))
  if (old.length === 0) {
    const names = packages.map(({ name, version }) => `${name} ${version}`)
    return [ok('packages', names.join(', ') || 'no peer is installed here')]
  }
  return old.map(({ name, version, needs }) =>
    failure(
      'packages',
      `${name} ${version} is too old: ${needs} is needed`,
      `npm install ${name}@latest`,
    ),
  )
}

function appCheck(own: string, ofTheApp: string | null): Check {
  if (ofTheApp === null || ofTheApp === own) return ok('viur-session', own)
  const order = compared(ofTheApp, own)
  return order < 0
    ? failure(
        'viur-session',
        `the app has ${ofTheApp}, which is older than this command, ${own}`,
        'npm install viur-session@latest',
      )
    : warning(
        'viur-session',
        `this command is ${own}, and the app has ${ofTheApp}`,
        'run npx viur-session in the folder of the app',
      )
}

/** Whether a version satisfies a `>=` range. A version that cannot be read counts as new enough. */
export function satisfies(version: string, needs: string): boolean {
  const [, least] = /^>=\s*([\d.]+)$/.exec(needs.trim()) ?? []
  return least === undefined || compared(version, least) >= 0
}

function compared(one: string, other: string): number {
  const parts = (text: string) => text.replace(/^v/, '').split(/[.+-]/).map(Number)
  const [left, right] = [parts(one), parts(other)]
  for (let at = 0; at < 3; at++) {
    const difference = (left[at] || 0) - (right[at] || 0)
    if (difference !== 0) return difference
  }
  return 0
}
