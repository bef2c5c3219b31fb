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
  const start = existsSync(folder) ? realpathSync(folder) : resolve(folder)
  const [found] = manifestsFrom(start, join('node_modules', name))
  return found?.version ?? null
}

/** Returns the manifest of this release: the first one with its name on the way up from this file, also in a bundle. */
export function ownManifest(): Manifest {
  for (const manifest of manifestsFrom(dirname(fileURLToPath(import.meta.url)), '.')) {
    if (manifest.name === 'viur-session') return manifest
  }
  return {}
}

/** Yields the manifests in this folder of `start` and of each folder above it, the nearest first. */
function* manifestsFrom(start: string, folder: string): Generator<Manifest> {
  for (let at = start; ; at = dirname(at)) {
    const file = join(at, folder, 'package.json')
    if (existsSync(file)) yield JSON.parse(readFileSync(file, 'utf8')) as Manifest
    if (dirname(at) === at) return
  }
}
