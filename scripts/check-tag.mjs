// Fails unless the tag matches the version of a package: v1.2.3 for viur-session, cloud-tasks-server-v1.2.3 for the
// other.
import { readFileSync } from 'node:fs'

const [, , tag = ''] = process.argv
const folder = tag.startsWith('cloud-tasks-server-v') ? 'src/cloud-tasks-server/' : ''
const { name, version } = JSON.parse(
  readFileSync(new URL(`../${folder}package.json`, import.meta.url), 'utf8'),
)
if (tag !== `${folder === '' ? '' : 'cloud-tasks-server-'}v${version}`) {
  console.error(`the tag ${tag} does not name ${name} ${version}`)
  process.exit(1)
}
