import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { UsageError } from '../../src/cli/exit.ts'
import {
  createDatabase,
  createQueue,
  enableServices,
  onJob,
  onQueue,
  shellLine,
  updateQueue,
} from '../../src/cli/setup/gcloud.ts'
import { PLATFORMS, planOf, urlCommand } from '../../src/cli/setup/plan.ts'
import { type SetupOptions, wantedFrom } from '../../src/cli/setup/setup.ts'
import { BLOCKS } from '../pages/blocks.ts'
import { commandsOf } from '../pages/shell.ts'
import { answerOf } from './answers.ts'
import { type GoogleApis, googleApis, MISSING, PATHS, WELL } from './google-apis.ts'
import { describeOnce, IN_SLOW } from '../setup/matrix.ts'
import { type ScratchApp, scratchApp } from './scratch-app.ts'

const WHERE = ['--project', 'shop', '--region', 'europe-west1']

const ADDRESS = 'https://web.example.com'

describeOnce('a line for copying', () => {
  it('is taken by a shell as it was meant', () => {
    const odd = [
      'https://a.example/$URL/$(touch hit)',
      'https://a.example/`touch hit`$URL',
      'https://a.example/";touch hit;"$URL',
      "https://a.example/';touch hit;'",
      '$URLS',
      'a\nb',
      '* ?[a-z] {a,b} ~ !! $HOME \\',
    ]
    const lines = odd.map((one) =>
      shellLine(['printf', '%s\\0', one, `--uri=${one}`, '$URL', '--uri=$URL/_sessions/cron']),
    )
    const said = execFileSync('bash', ['-c', `URL=there; ${lines.join('\n')}`], { cwd: tmpdir() })
    expect(said.toString().split('\0').slice(0, -1)).toEqual(
      odd.flatMap((one) => [one, `--uri=${one}`, 'there', '--uri=there/_sessions/cron']),
    )
  })
})

/** The commands of `viur-session setup`, of remedies and of the documentation, each once. */
function printedCommands(): string[] {
  const place = { project: 'shop', region: 'europe-west1' }
  const options = { ...place, kind: 'my-session', database: 'sessions' }
  const planned = PLATFORMS.flatMap((platform) =>
    [null, ADDRESS].flatMap((url) => {
      const wanted = wantedFrom(platform, { ...options, ...(url !== null && { url }) }, {})
      const asked = urlCommand(wanted)
      return [
        ...(asked === null ? [] : [asked]),
        ...planOf(wanted).flatMap((step) =>
          'command' in step ? [step.command, ...(step.isDone ? [step.isDone] : [])] : [],
        ),
      ]
    }),
  )
  const cures = [
    createDatabase('shop', '(default)', 'nam5'),
    enableServices('shop', ['cloudtasks']),
    onQueue('resume', place, 'session-sweep'),
    updateQueue(place, 'session-sweep'),
    onJob('resume', place, 'session-sweep'),
  ]
  const shown = BLOCKS.filter(({ language }) => language === 'sh').flatMap(commandsOf)
  const commands = shown
    .filter(({ words }) => words[0] === 'gcloud')
    .map(({ text }) => text.replaceAll(/\$PROJECT|\bPROJECT\b/g, 'my-project'))
    .map((line) => line.replaceAll(/"?\$(?!URL)(\w+)"?/g, '$1'))
  expect(commands.length).toBeGreaterThan(40)
  const all = [...[...planned, ...cures].map(shellLine), ...commands]
  // gcloud needs an address in place of the shell variable.
  return [...new Set(all.map((one) => one.replaceAll('$URL', ADDRESS)))].sort()
}

/** The commands of the list, of which *slow* asks gcloud. That takes ten seconds. */
const KNOWN = readFileSync(new URL('known-to-gcloud.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')

describeOnce('the commands that viur-session prints', () => {
  it('are those of known-to-gcloud.txt, as are those of the documentation', () => {
    expect(KNOWN).toEqual(printedCommands())
  })
})

const gcloud = spawnSync('sh', ['-c', 'command -v gcloud']).status === 0

if (IN_SLOW)
  describe.skipIf(!gcloud)('the commands of known-to-gcloud.txt', () => {
    it('are all known to gcloud, with their flags', () => {
      const unknown = 'gcloud tasks queues create x --no-such-flag=1'
      // One call checks all, since gcloud takes seconds to start.
      expect(linted([...KNOWN, unknown])).toEqual([expect.stringContaining(unknown)])
    })
  })

/** Returns those of these commands that gcloud does not know, each with the reason. */
function linted(each: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'viur-lint-'))
  try {
    const file = join(folder, 'commands.json')
    writeFileSync(
      file,
      JSON.stringify(each.map((command_string, at) => ({ command_string, id: at + 1 }))),
    )
    const said = execFileSync(
      'gcloud',
      ['meta', 'lint-gcloud-commands', `--commands-file=${file}`],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const results = Object.values(JSON.parse(said) as object).flat() as Linted[]
    expect(results).toHaveLength(each.length)
    return results
      .filter(({ success }) => !success)
      .map((one) => `${one.command_string}: ${one.error_message}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Linted {
  readonly command_string: string
  readonly success: boolean
  readonly error_message: string | null
}

describeOnce('viur-session setup', () => {
  let app: ScratchApp
  let google: GoogleApis
  beforeAll(async () => {
    app = scratchApp('127.0.0.1:1')
    google = await googleApis()
    app.write(
      'gcloud',
      `#!/bin/sh
echo "$@" >> "${app.path('called.txt')}"
case "$*" in
  *describe*--format*) echo https://web.example.com ;;
  *describe*) [ -n "$THERE" ] ;;
  *"$FAILS"*) [ -z "$FAILS" ] ;;
esac
`,
    )
    mkdirSync(app.path('bin'))
    renameSync(app.path('gcloud'), app.path('bin/gcloud'))
    chmodSync(app.path('bin/gcloud'), 0o755)
  })
  afterAll(async () => {
    app.remove()
    await google.close()
  })

  const PATH = () =>
    [app.path('bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter)

  const called = (): string[] => {
    const file = app.path('called.txt')
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    writeFileSync(file, '')
    return text.split('\n').filter((line) => line !== '')
  }

  it('prints valid shell commands for each platform, and runs none', async () => {
    const said = await Promise.all(
      PLATFORMS.map((platform) => app.run(['setup', platform, ...WHERE], { PATH: PATH() })),
    )
    expect(called()).toEqual([])
    for (const [at, { code, stdout, stderr }] of said.entries()) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const read = spawnSync('bash', ['-n'], { input: stdout, encoding: 'utf8' })
      expect(read).toMatchObject({ status: 0, stderr: '' })
      const place = { project: 'shop', region: 'europe-west1' }
      const lines = planOf(wantedFrom(PLATFORMS[at] as string, place, {})).flatMap((step) =>
        'command' in step ? [shellLine(step.command)] : [],
      )
      expect(lines.length).toBeGreaterThan(2)
      expect(stdout.split('\n')).toEqual(expect.arrayContaining(lines))
    }
  })

  it.each(['appengine', 'functions'] as const)(
    'enables the build service of the app, for %s',
    (platform) => {
      const place = { project: 'shop', region: 'europe-west1', url: ADDRESS }
      const [enabling] = planOf(wantedFrom(platform, place, {}))
      expect(enabling).toMatchObject({
        command: expect.arrayContaining(['cloudbuild.googleapis.com']),
      })
    },
  )

  it('prints cron.yaml and queue.yaml as the repository has them', async () => {
    const { stdout } = await app.run(['setup', 'appengine', ...WHERE, '--json'])
    const { steps } = answerOf('setup', stdout) as {
      steps: { file?: string; text?: string; command?: string }[]
    }
    const place = { project: 'shop', region: 'europe-west1' }
    expect(steps.map(({ command, file }) => command ?? file)).toEqual(
      planOf(wantedFrom('appengine', place, {})).map((step) =>
        'command' in step ? shellLine(step.command) : step.file,
      ),
    )
    for (const file of ['cron.yaml', 'queue.yaml']) {
      const ours = parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))
      expect(parse(steps.find((step) => step.file === file)?.text ?? '')).toEqual(ours)
    }
  })

  it('has one queue and one cron job: in files, commands and on the page about sweeping', () => {
    const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    const page = read('docs/sweeping.md')
    const blocks = [...page.matchAll(/^```yaml\n([\s\S]+?)^```/gm)].map(([, text = '']) => text)
    expect(blocks.map((text) => parse(text))).toEqual(
      ['cron.yaml', 'queue.yaml'].map((file) => parse(read(file))),
    )
    const flagsOf = (words: readonly string[]) =>
      words.filter((word) => /^--(?:max|min)-/.test(word)).sort()
    const [{ rate, max_concurrent_requests: aside, retry_parameters: retries }] = parse(
      read('queue.yaml'),
    ).queue
    const wanted = [
      `--max-attempts=${retries.task_retry_limit}`,
      `--min-backoff=${retries.min_backoff_seconds}s`,
      `--max-backoff=${retries.max_backoff_seconds}s`,
      `--max-doublings=${retries.max_doublings}`,
      `--max-dispatches-per-second=${rate.replace('/s', '')}`,
      `--max-concurrent-dispatches=${aside}`,
    ].sort()
    const place = { project: 'shop', region: 'europe-west1' }
    expect(flagsOf(createQueue(place, 'session-sweep'))).toEqual(wanted)
    expect(flagsOf(updateQueue(place, 'session-sweep'))).toEqual(wanted)
    const [told = ''] = /^gcloud tasks queues create (?:.*\\\n)*.*$/m.exec(page) ?? []
    expect(flagsOf(told.split(/\s+/))).toEqual(wanted)
  })

  it('runs the commands with --apply, overwrites no file, and skips finished steps', async () => {
    app.write('queue.yaml', 'mine\n')
    const first = await app.run(['setup', 'appengine', ...WHERE, '--apply', '--yes', '--json'], {
      PATH: PATH(),
    })
    expect(first.code).toBe(0)
    const { steps } = answerOf('setup', first.stdout) as {
      steps: { file?: string; state: string }[]
    }
    expect(steps.find(({ file }) => file === 'queue.yaml')?.state).toBe('there already')
    expect(readFileSync(app.path('queue.yaml'), 'utf8')).toBe('mine\n')
    expect(readFileSync(app.path('cron.yaml'), 'utf8')).toContain('/_sessions/cron')
    expect(called()).toContain('app deploy cron.yaml queue.yaml --project=shop --quiet')
    const again = await app.run(['setup', 'cloud-run', ...WHERE, '--apply', '--yes'], {
      PATH: PATH(),
      THERE: 'yes',
    })
    expect(again.code).toBe(0)
    const calls = called()
    expect(calls.some((call) => call.includes('queues create'))).toBe(false)
    expect(calls.some((call) => call.includes('queues add-iam-policy-binding'))).toBe(true)
  })

  it('asks the platform for the address, and stops at a failure', async () => {
    const { code, stderr } = await app.run(
      ['setup', 'functions', ...WHERE, '--service', 'fn', '--apply', '--yes'],
      { PATH: PATH(), FAILS: 'jobs create' },
    )
    expect(code).toBe(1)
    expect(stderr).toContain('not all steps are done')
    const calls = called()
    expect(calls[0]).toMatch(/^functions describe fn --gen2 /)
    expect(calls.at(-1)).toContain('--uri=https://web.example.com/_sessions/cron')
  })

  it('asks before --apply, and needs gcloud for it', async () => {
    const args = ['setup', 'appengine', ...WHERE, '--apply']
    const [unasked, without] = await Promise.all([
      app.run(args, { PATH: PATH() }),
      app.run([...args, '--yes'], { PATH: dirname('/nowhere/x') }),
    ])
    expect(unasked).toMatchObject({ code: 2, stdout: '' })
    expect(called()).toEqual([])
    expect(without.code).toBe(1)
    expect(without.stderr).toContain('gcloud is not installed')
  })

  it('says with --check what is missing', async () => {
    const check = async () => {
      const { code, stdout } = await app.run(
        ['setup', 'cloud-run', ...WHERE, '--check', '--json'],
        google.environment,
      )
      return {
        code,
        ...(answerOf('setup', stdout) as { checks: { name: string; state: string }[] }),
      }
    }
    expect(await check()).toMatchObject({ code: 0, ok: true })
    google.says = { ...WELL, [PATHS.queue]: MISSING, [PATHS.ttl]: { status: 200, body: {} } }
    const { code, checks } = await check()
    google.says = WELL
    expect(code).toBe(1)
    expect(checks.filter(({ state }) => state !== 'ok').map(({ name }) => name)).toEqual([
      'TTL policy',
      'queue',
    ])
  })

  it.each([
    ['heroku', {}, 'setup takes appengine, cloud-run, functions'],
    ['appengine', { project: undefined }, '--project <id> is needed'],
    ['appengine', { region: undefined }, '--region <name> is needed'],
    ['cloud-run', { project: 'a; rm -rf /' }, '--project cannot be'],
    ['cloud-run', { project: '--quiet' }, '--project cannot be'],
    ['cloud-run', { service: '$(date)' }, '--service cannot be'],
    ['cloud-run', { url: 'http://x' }, '--url must be'],
  ])('takes nothing that a command could not: %s %j', (platform, wrong, says) => {
    const options = { project: 'shop', region: 'europe-west1', ...wrong } as SetupOptions
    expect(() => wantedFrom(platform, options, {})).toThrow(says)
    expect(() => wantedFrom(platform, options, {})).toThrow(UsageError)
  })

  it('ends with the code for wrong usage at such a value', async () => {
    const args = ['setup', 'cloud-run', '--region', 'x1', '--project', 'a; rm -rf /']
    const { code, stdout, stderr } = await app.run(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('--project cannot be')
  })
})
