import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { VersionFacts } from './versions.ts'

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly engines?: { readonly node?: string }
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Returns the installed versions, as a file in this folder would find them. `own`: the manifest of this release. */
export function installedVersions(folder: string, own: Manifest): VersionFacts {
  const packages = Object.entries(own.peerDependencies ?? {}).flatMap(([name, needs]) => {
    const version = versionIn(folder, name)
    return version === null ? [] : [{ name, version, needs }]
  })
  return {
    node: process.versions.node,
    nodeNeeds: own.engines?.node ?? '',
    own: own.version ?? '0',
    ofTheApp: versionIn(folder, 'viur-session'),
    packages,
  }
}

/** Searches as Node does: in each `node_modules` on the way up. */
function versionIn(folder: string, name: string): string | null {
  let at = existsSync(folder) ? realpathSync(folder) : resolve(folder)
  for (;;) {
    const file = join(at, 'node_modules', name, 'package.json')
    if (existsSync(file)) return manifestIn(file).version ?? null
    const above = dirname(at)
    if (above === at) return null
    at = above
  }
}

/** Returns the manifest of this release: the first one with its name on the way up from this file, also in a bundle. */
export function ownManifest(): Manifest {
  let at = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const file = join(at, 'package.json')
    const manifest: Manifest = existsSync(file) ? manifestIn(file) : {}
    if (manifest.name === 'viur-session' || dirname(at) === at) return manifest
    at = dirname(at)
  }
}

function manifestIn(file: string): Manifest {
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest
}
