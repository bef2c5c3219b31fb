#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { run } from './program.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string }

const code = await run(process.argv.slice(2), version)
// The app's module may hold open connections. The output is written completely first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
