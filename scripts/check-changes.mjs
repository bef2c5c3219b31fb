// Checks the change files, from which changie writes CHANGELOG.md. If CHANGES_BASE names a commit or branch, a change in
// src since then needs a new change file, or the line "No-changelog: REASON" in a commit message.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const FOLDER = 'changes/unreleased'

/** @type {{ kinds: { label: string }[] }} */
const { kinds } = parse(readFileSync('.changie.yaml', 'utf8'))
const labels = kinds.map(({ label }) => label)

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))
const problems = files.flatMap((name) => problemsOf(join(FOLDER, name)))
const base = process.env['CHANGES_BASE'] ?? ''
if (base !== '') problems.push(...missingSince(base))
for (const problem of problems) console.error(problem)
console.log(`${files.length} change files, ${base === '' ? 'no base to compare with' : base}`)
if (problems.length > 0) process.exit(1)

/**
 * Problems of a change file.
 *
 * @param {string} file
 */
function problemsOf(file) {
  try {
    const { kind, body, time } = parse(readFileSync(file, 'utf8')) ?? {}
    return [
      ...(labels.includes(kind) ? [] : [`${file}: kind has to be one of ${labels.join(', ')}`]),
      ...(typeof body === 'string' && body.trim() !== '' ? [] : [`${file}: body has no text`]),
      // Without a time changie sorts it anywhere.
      ...(Number.isNaN(Date.parse(time)) ? [`${file}: time is missing`] : []),
    ]
  } catch (error) {
    return [`${file}: ${error instanceof Error ? error.message : error}`]
  }
}

/**
 * The first changed file in src, if no change file was added since that commit.
 *
 * @param {string} commit
 */
function missingSince(commit) {
  const changed = git('diff', '--name-only', `${commit}...HEAD`, '--', 'src')
  const added = git('diff', '--name-only', '--diff-filter=AMR', `${commit}...HEAD`, '--', FOLDER)
  if (changed === '' || added !== '') return []
  if (/^No-changelog: \S/m.test(git('log', '--format=%B', `${commit}..HEAD`))) return []
  const [first] = changed.split('\n')
  return [
    `${first} has changed since ${commit}, and there is no new file in ${FOLDER}: run "npm run change"`,
  ]
}

/** @param {string[]} words */
function git(...words) {
  return execFileSync('git', words, { encoding: 'utf8' }).trim()
}
