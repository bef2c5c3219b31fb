import type { Environment } from '../../google/platform.ts'
import { isAgreed } from '../ask.ts'
import { EXIT, type ExitCode, UsageError } from '../exit.ts'
import { stopSignal } from '../job.ts'
import { type Line, Output } from '../output.ts'
import { checkProject } from './check-project.ts'
import { answerOf, apply, type Done } from './apply.ts'
import { shellLine } from './gcloud.ts'
import { PLATFORMS, planOf, type Step, urlCommand, type Wanted } from './plan.ts'

export interface SetupOptions {
  readonly project?: string
  readonly region?: string
  readonly service?: string
  readonly url?: string
  readonly routes?: string
  readonly database?: string
  readonly kind?: string
  readonly apply?: boolean
  readonly check?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** Prints the steps of a setup, or runs them. */
export async function setup(name: string, options: SetupOptions): Promise<ExitCode> {
  const wanted = wantedFrom(name, options, process.env)
  const output = new Output(options.json === true)
  if (options.check === true) return await checkProject(wanted, output)
  if (options.apply === true) return await applyAll(wanted, output, options.yes === true)
  const plan = planOf(wanted)
  const address = urlCommand(wanted)
  output.answer({ platform: wanted.platform, steps: plan.map(told) }, () => [
    ...(address === null
      ? []
      : [{ copy: '# how callers reach the app' }, { copy: `URL=$(${shellLine(address)})` }, '']),
    ...plan.flatMap(linesOf),
  ])
  return EXIT.done
}

/** Checks the arguments. Throws {@link UsageError}. */
export function wantedFrom(name: string, options: SetupOptions, environment: Environment): Wanted {
  const platform = PLATFORMS.find((one) => one === name)
  if (platform === undefined) {
    throw new UsageError(`setup takes ${PLATFORMS.join(', ')}, and not ${JSON.stringify(name)}`)
  }
  const project = options.project ?? (environment['GOOGLE_CLOUD_PROJECT'] || undefined)
  const region =
    options.region ??
    (environment['CLOUD_TASKS_LOCATION'] || environment['GOOGLE_CLOUD_REGION'] || undefined)
  if (project === undefined) throw new UsageError('--project <id> is needed')
  if (region === undefined) {
    throw new UsageError('--region <name> is needed, such as europe-west1')
  }
  const { service = 'web', url = null, routes = '/_sessions' } = options
  const wanted = {
    platform,
    project,
    region,
    service,
    url,
    routes: routes.replace(/\/+$/, ''),
    database: options.database ?? '(default)',
    kind: options.kind ?? 'viur-session',
  }
  check(wanted)
  return wanted
}

/** Values for commands must have the form that Google Cloud requires. */
const FORMS: Readonly<Record<Exclude<keyof Wanted, 'platform' | 'url'>, RegExp>> = {
  project: /^(?:[a-z0-9][a-z0-9.-]*:)?[a-z0-9][a-z0-9-]{3,39}$/,
  region: /^[a-z0-9-]{2,30}$/,
  service: /^[a-z][a-z0-9-]{0,21}$/,
  routes: /^(?:\/[\w.~-]+)*$/,
  database: /^(?:\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/,
  kind: /^[\w.-]{1,1500}$/,
}

function check(wanted: Wanted): void {
  for (const [name, form] of Object.entries(FORMS)) {
    const value = wanted[name as keyof typeof FORMS]
    if (!form.test(value)) throw new UsageError(`--${name} cannot be ${JSON.stringify(value)}`)
  }
  const { url } = wanted
  const isAddress = url === null || (URL.canParse(url) && new URL(url).protocol === 'https:')
  if (!isAddress) throw new UsageError('--url must be an address such as https://web.example.com')
}

async function applyAll(wanted: Wanted, output: Output, yes: boolean): Promise<ExitCode> {
  const count = planOf(wanted).length
  const question = `Set up ${wanted.platform} in the project ${wanted.project}, in ${count} steps?`
  const signal = stopSignal()
  if (!yes && !(await isAgreed(question, signal))) {
    output.warn('nothing was done')
    return EXIT.failed
  }
  const address = urlCommand(wanted)
  const url = address === null ? wanted.url : await answerOf(address)
  if (address !== null && url === null) {
    output.error(
      `error: ${wanted.service} is not there yet, or has no address: deploy it first, or give --url`,
    )
    return EXIT.failed
  }
  const steps: { step: Step; state: Done }[] = []
  for (const step of planOf({ ...wanted, url })) {
    if (signal.aborted) break
    output.progress(step.about, { done: steps.length, of: count })
    const state = await apply(step, output)
    steps.push({ step, state })
    if (state === 'failed') break
  }
  output.answer(
    {
      platform: wanted.platform,
      steps: steps.map(({ step, state }) => ({ ...told(step), state })),
    },
    () => steps.map(({ step, state }) => lineOf(step, state)),
  )
  const isDone = steps.length === count && steps.every(({ state }) => state !== 'failed')
  if (!isDone)
    output.error(
      'not all steps are done: correct the errors that gcloud reports, and start it again',
    )
  return isDone ? EXIT.done : EXIT.failed
}

function told(step: Step): object {
  if ('file' in step) return { about: step.about, file: step.file, text: step.text }
  return { about: step.about, command: shellLine(step.command) }
}

function linesOf(step: Step): Line[] {
  const about = { copy: `# ${step.about}` }
  if (!('file' in step)) return [about, { copy: shellLine(step.command) }, '']
  const text = step.text.trimEnd().split('\n')
  const whole = [`cat > ${step.file} <<'YAML'`, ...text, 'YAML']
  return [about, ...whole.map((copy) => ({ copy })), '']
}

function lineOf({ about }: Step, state: Done): Line {
  const style = { done: 'green', 'there already': 'reset', failed: 'red' } as const
  return { mark: state.padEnd(13), style: style[state], text: about }
}
