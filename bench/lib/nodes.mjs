import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inRoot } from './page.mjs'

/**
 * Returns the Node programs to measure with, oldest first: the running one, and those that .ci/run tests with, from its
 * cache (`NODES_CACHE`) or from npm.
 */
export function nodesToMeasure() {
  const others = /OTHER_NODES-([\d. ]+)\}/.exec(readFileSync(inRoot('.ci/run'), 'utf8'))
  if (others === null) throw new Error('.ci/run does not say with which Nodes it tests')
  const nodes = [
    { version: process.version, path: process.execPath },
    ...others[1].trim().split(' ').map(cachedNode),
  ]
  const byMajor = new Map(nodes.map((node) => [majorOf(node), node]))
  return [...byMajor.values()].toSorted((a, b) => majorOf(a) - majorOf(b))
}

const majorOf = ({ version }) => Number(/^v(\d+)/.exec(version)[1])

/** The place where .ci/steps.sh keeps them. */
function cachedNode(version) {
  const cache = process.env.NODES_CACHE ?? inRoot('node_modules/.cache/nodes')
  const folder = join(cache, version)
  const node = { version: `v${version}`, path: join(folder, 'node_modules/node/bin/node') }
  if (versionOf(node.path) === node.version) return node
  const system = process.platform === 'darwin' ? 'darwin' : 'linux'
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const options = ['--silent', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts']
  const wanted = `node@npm:node-${system}-${process.arch}@${version}`
  execFileSync('npm', ['install', '--prefix', folder, ...options, wanted], { stdio: 'inherit' })
  if (versionOf(node.path) !== node.version)
    throw new Error(`Node ${version} could not be installed`)
  return node
}

function versionOf(path) {
  try {
    return execFileSync(path, ['--version'], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return null
  }
}
