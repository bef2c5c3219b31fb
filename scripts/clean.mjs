// A file that was deleted from src must not stay in dist, and so in the package.
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = process.argv[2] ?? 'dist'
rmSync(`${root}/${folder}`, { recursive: true, force: true })
