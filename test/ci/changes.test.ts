import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const FILE = 'changes/unreleased/one.yaml'

const ONE = 'kind: Fixed\nbody: |-\n  Two\n  lines.\ntime: 2026-11-28T12:00:00Z\n'

describe('change files', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'viur-session-changes-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    for (const name of ['.changie.yaml', 'changes/header.md', 'scripts/check-changes.mjs']) {
      cpSync(join(root, name), join(folder, name))
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    mkdirSync(join(folder, 'changes/unreleased'))
    mkdirSync(join(folder, 'src'))
    write('.gitignore', 'node_modules\n')
    write('changes/unreleased/.gitkeep', '')
    write('src/a.ts', '')
    git('init', '-q', '-b', 'main')
    commit('begin')
    git('checkout', '-q', '-b', 'work')
  })

  function write(name: string, text: string): void {
    writeFileSync(join(folder, name), text)
  }

  function ran(program: string, args: readonly string[], env: Record<string, string> = {}) {
    const { PATH = '' } = process.env
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH, HOME: folder, ...env },
    })
    return { status, said: `${stdout}${stderr}` }
  }

  function git(...words: string[]): void {
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@b.example', '-c', 'commit.gpgsign=false']
    expect(ran('git', [...who, ...words])).toMatchObject({ status: 0 })
  }

  function commit(message: string): void {
    git('add', '-A')
    git('commit', '-q', '-m', message)
  }

  const check = (base = '') =>
    ran(process.execPath, ['scripts/check-changes.mjs'], base === '' ? {} : { CHANGES_BASE: base })

  const changie = (...words: string[]) => ran('node_modules/.bin/changie', words)

  it('are demanded for a change in src', () => {
    write('src/a.ts', 'change')
    commit('change')
    expect(check('main')).toMatchObject({ status: 1, said: expect.stringContaining('src/a.ts') })
    write(FILE, ONE)
    commit('say it')
    expect(check('main')).toMatchObject({ status: 0 })
  })

  it('are not demanded without a base, for changes elsewhere, and with a reason in the message', () => {
    write('b.md', 'change')
    commit('change')
    expect(check('main')).toMatchObject({ status: 0 })
    write('src/a.ts', 'change')
    commit('change')
    expect(check()).toMatchObject({ status: 0 })
    write('src/a.ts', 'another change')
    commit('change\n\nNo-changelog: a comment is reworded')
    expect(check('main')).toMatchObject({ status: 0 })
  })

  it('fail the check where the base is not known', () => {
    expect(check('nowhere').status).not.toBe(0)
  })

  it.each([
    [
      'a kind that there is not',
      ONE.replace('Fixed', 'Mended'),
      'kind has to be one of Added, Changed',
    ],
    ['no text', 'kind: Fixed\ntime: 2026-11-28T12:00:00Z\n', 'body has no text'],
    ['no time', ONE.replace(/time.*\n/, ''), 'time is missing'],
    ['no YAML', 'kind: [', FILE],
    ['nothing', '', 'kind has to be one of'],
  ])('are refused with %s', (_, text, said) => {
    write(FILE, text)
    expect(check()).toMatchObject({ status: 1, said: expect.stringContaining(said) })
  })

  it('become a section of the changelog, a list of changes as well as a single one', () => {
    write(FILE, ONE)
    const list = 'kind: Added\nbody: |-\n  - A\n    b.\n  - C.\ntime: 2026-11-28T11:00:00Z\n'
    write('changes/unreleased/list.yaml', list)
    expect(check()).toMatchObject({ status: 0, said: expect.stringContaining('2 change files') })
    expect(changie('batch', '1.2.3')).toMatchObject({ status: 0 })
    expect(changie('merge')).toMatchObject({ status: 0 })
    const text = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')
    const header = readFileSync(join(root, 'changes/header.md'), 'utf8')
    expect(text.replace(/, \d{4}-\d\d-\d\d$/m, '')).toBe(`${header}
## 1.2.3

### Added

- A
  b.
- C.

### Fixed

- Two
  lines.
`)
    expect(check()).toMatchObject({ status: 0, said: expect.stringContaining('0 change files') })
    write(FILE, ONE)
    expect(changie('batch', '1.3.0')).toMatchObject({ status: 0 })
    expect(changie('merge')).toMatchObject({ status: 0 })
    const next = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')
    expect(next.replaceAll(/, \d{4}-\d\d-\d\d$/gm, '')).toMatch(
      /unreleased`\.\n\n## 1\.3\.0\n\n### Fixed\n\n- Two\n {2}lines\.\n\n## 1\.2\.3\n/,
    )
  })
})

it('the change files of this repository are right', () => {
  const check = spawnSync(process.execPath, ['scripts/check-changes.mjs'], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  })
  expect(check).toMatchObject({ status: 0, stderr: '' })
})
