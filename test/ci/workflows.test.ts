import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly 'timeout-minutes'?: number
  readonly steps: readonly Step[]
}

interface Workflow {
  readonly permissions?: object
  readonly jobs: Readonly<Record<string, Job>>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${root}.github/workflows/`
const workflows = readdirSync(folder).map((file) => {
  const text = readFileSync(`${folder}${file}`, 'utf8')
  return { file, text, workflow: parse(text) as Workflow }
})
const jobs = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ name: `${file}: ${name}`, job })),
)

describe('workflows', () => {
  it('are there for each change, each night and each release', () => {
    expect(workflows.map(({ file }) => file)).toEqual(['check.yml', 'nightly.yml', 'release.yml'])
    const calls = (file: string) =>
      Object.values(workflows.find((one) => one.file === file)?.workflow.jobs ?? {}).flatMap(
        ({ steps }) => steps.flatMap(({ run }) => run ?? []),
      )
    expect(calls('check.yml')).toEqual(['bash .ci/run'])
    expect(calls('nightly.yml')).toEqual(['bash .ci/nightly'])
    expect(calls('release.yml')).toContain('npm publish --provenance --tag "$NPM_TAG"')
  })

  it.each(workflows)('give no permission to all jobs: $file', ({ workflow }) => {
    expect(workflow.permissions).toEqual({})
  })

  it.each(jobs)('give a job the least, and an end: $name', ({ name, job }) => {
    const publishes = name === 'release.yml: publish'
    expect(job.permissions).toEqual({
      contents: 'read',
      ...(publishes && { 'id-token': 'write' }),
    })
    expect(job['timeout-minutes']).toBeGreaterThan(0)
    const checkouts = job.steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'))
    expect(checkouts).toMatchObject([{ with: { 'persist-credentials': false } }])
  })

  it.each(workflows)(
    'pin each action by its whole hash, with the version beside it: $file',
    ({ text, workflow }) => {
      const pinned = text.match(/^ +- uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/gm) ?? []
      const used = Object.values(workflow.jobs).flatMap(({ steps }) =>
        steps.filter(({ uses }) => uses !== undefined),
      )
      expect(used.length).toBeGreaterThan(0)
      expect(pinned).toHaveLength(used.length)
    },
  )

  it.each(workflows)('put no text of others into a script: $file', ({ workflow }) => {
    for (const { steps } of Object.values(workflow.jobs)) {
      for (const { run = '' } of steps) expect(run).not.toContain('${{')
    }
  })
})

describe('the check of a tag', () => {
  const check = (tag: string) =>
    spawnSync(process.execPath, [`${root}scripts/check-tag.mjs`, tag], { encoding: 'utf8' })
  const versionOf = (path: string): string =>
    JSON.parse(readFileSync(`${root}${path}package.json`, 'utf8')).version

  it('takes the version of the package that the tag names', () => {
    expect(check(`v${versionOf('')}`)).toMatchObject({ status: 0, stderr: '' })
    const server = `cloud-tasks-server-v${versionOf('src/cloud-tasks-server/')}`
    expect(check(server)).toMatchObject({ status: 0, stderr: '' })
  })

  it.each(['v99.0.0', 'cloud-tasks-server-v99.0.0', 'v', ''])('refuses %j', (tag) => {
    const { status, stderr } = check(tag)
    expect(status).toBe(1)
    expect(stderr).toContain(`the tag ${tag} does not name `)
  })
})
