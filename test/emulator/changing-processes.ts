import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { createSessions, type Sessions } from '../../src/index.ts'
import { emulatorStore, uniqueSpace } from '../setup/stores.ts'

type Data = { n: number }

const root = fileURLToPath(new URL('../..', import.meta.url))

/** One process. It changes the session this often, each time in a new request, while its store loses answers. */
const SCRIPT = `
import { once } from 'node:events'
import { createSessions } from './index.js'
import { datastoreStore } from './store/datastore/index.js'
import { failingStore } from './testing/index.js'

const [method, rounds, namespace, cookie] = process.argv.slice(2)
const store = failingStore(
  datastoreStore({ projectId: 'viur-session-test', namespace, deadline: '5m' }),
)
const sessions = createSessions({ store, logger: { warn() {} } })
const counts = { resolved: 0, contended: 0, unknown: 0, failed: 0 }

async function changeOnce(session) {
  if (method === 'change') {
    await session.change((data) => {
      data.n += 1
    })
    return
  }
  await session.exclusive(
    async () => {
      if (method === 'hold') {
        console.log('holding')
        // Runs until it is killed, or until the process that started it has ended.
        await once(process.stdin.resume(), 'end')
      }
      session.set('n', session.get('n') + 1)
    },
    { wait: '10m', lease: method === 'hold' ? '2s' : '5m' },
  )
}

for (let n = 0; n < Number(rounds); n++) {
  const session = await sessions.open({ cookie, secure: true }).load()
  // Every third call loses its first write, or the answer.
  const writing = method === 'change' ? 'write' : 'writeTogether'
  if (method !== 'hold' && n % 3 > 0) store.failNext(n % 3 === 1 ? 'before' : 'after', { method: writing })
  try {
    await changeOnce(session)
    counts.resolved += 1
  } catch (error) {
    if (error.effect === 'unknown') counts.unknown += 1
    else if (error.code === 'ERR_SESSION_CONTENTION') counts.contended += 1
    // The fault itself, without effect: the process has used up its retries.
    else if (error.message.startsWith('the failing store')) counts.failed += 1
    else throw error
  }
}
console.log(JSON.stringify(counts))
await sessions.close()
`

/** Builds the script for a test file; returns the function that starts it. */
export function changingProcesses(): (host: string, args: readonly string[]) => Changing {
  const out = `${root}test-results/changing-${process.pid}`
  const started: { kill(signal: 'SIGKILL'): unknown }[] = []

  beforeAll(() => {
    const tsc = `${root}node_modules/typescript/bin/tsc`
    execFileSync(process.execPath, [tsc, '-p', 'src', '--noCheck', '--outDir', out], { cwd: root })
    writeFileSync(`${out}/package.json`, '{"type":"module"}')
    writeFileSync(`${out}/script.js`, SCRIPT)
  }, 120_000)

  afterAll(() => rmSync(out, { recursive: true, force: true }))

  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL')
  })

  return (host, args) => {
    const { PATH = '' } = process.env
    const child = spawn(process.execPath, [`${out}/script.js`, ...args], {
      env: { PATH, DATASTORE_EMULATOR_HOST: host },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    started.push(child)
    let text = ''
    child.stdout.setEncoding('utf8')
    const spoken = once(child.stdout, 'data')
    child.stdout.on('data', (chunk: string) => {
      text += chunk
    })
    return {
      spoken,
      kill: async () => {
        const ended = once(child, 'close')
        child.kill('SIGKILL')
        await ended
      },
      counts: once(child, 'close').then(() => JSON.parse(text) as Counts),
    }
  }
}

interface Counts {
  readonly resolved: number
  readonly contended: number
  /** Calls with an unknown result, since others have written more than eight times meanwhile. */
  readonly unknown: number
  /** Calls that failed without effect, since their process had used up its retries. */
  readonly failed: number
}

interface Changing {
  /** It has printed something. */
  readonly spoken: Promise<unknown>
  readonly counts: Promise<Counts>
  kill(): Promise<void>
}

/** A session with `n: 0` on an emulator. */
export async function counter(host: string): Promise<{
  readonly space: string
  readonly cookie: string
  readonly sessions: Sessions<Data>
  value(): Promise<number | undefined>
}> {
  const space = uniqueSpace()
  const store = emulatorStore(host, space, { deadline: '5m' })
  const sessions = createSessions<Data>({ store, logger: { warn() {} } })
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 0)
  const { setCookie } = await sessions.commit(session)
  const cookie = (setCookie[0] as string).split(';')[0] as string
  const value = async (): Promise<number | undefined> =>
    (await sessions.open({ cookie, secure: true }).load()).get('n')
  return { space, cookie, sessions, value }
}

/** Processes that each change one session this often: it counts every call that resolved, and no other. */
export async function expectAllCounted(
  start: ReturnType<typeof changingProcesses>,
  host: string,
  method: 'change' | 'exclusive',
  { processes: count, rounds }: { readonly processes: number; readonly rounds: number },
): Promise<void> {
  const { space, cookie, sessions, value } = await counter(host)
  try {
    const processes = Array.from({ length: count }, () =>
      start(host, [method, String(rounds), space, cookie]),
    )
    const counts = await Promise.all(processes.map((each) => each.counts))
    const sum = (of: keyof Counts): number => counts.reduce((all, each) => all + each[of], 0)
    const counted = Number(await value())
    expect(counted).toBeGreaterThanOrEqual(sum('resolved'))
    expect(counted).toBeLessThanOrEqual(sum('resolved') + sum('unknown'))
    expect(sum('resolved') + sum('contended') + sum('unknown') + sum('failed')).toBe(count * rounds)
    expect(sum('resolved')).toBeGreaterThan(rounds)
    // A process has 20 retries at its start, so only its later faults can reach a caller.
    const faults = Math.ceil((2 * rounds) / 3)
    expect(Math.max(...counts.map(({ failed }) => failed))).toBeLessThanOrEqual(
      Math.max(0, faults - 20),
    )
  } finally {
    await sessions.close()
  }
}
