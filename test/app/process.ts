import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Builds the app for this file. Returns a function that starts it with an environment; it is killed after the test. The
 * build is in the repository, so that packages are found. It does not use dist, which may be missing or old, and Node 20
 * runs no TypeScript.
 */
export function builtApp(): (environment: Record<string, string>) => Started {
  const out = `${root}test-results/main-${process.pid}`
  const children: ChildProcessWithoutNullStreams[] = []

  beforeAll(() => {
    const tsc = `${root}node_modules/typescript/bin/tsc`
    const options = ['-p', 'src', '--noCheck', '--outDir', out]
    execFileSync(process.execPath, [tsc, ...options], { cwd: root })
  })

  afterAll(() => rmSync(out, { recursive: true, force: true }))

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  return (environment) => {
    const { PATH = '' } = process.env
    const main = `${out}/app/main.js`
    const started = spawn(process.execPath, [main], { env: { PATH, ...environment } })
    children.push(started)
    return follow(started)
  }
}

/** The app, as a process. */
export interface Started {
  readonly process: ChildProcessWithoutNullStreams
  readonly text: { stdout: string; stderr: string }
  /** The exit status. */
  readonly ended: Promise<number | null>
  /** The address that it prints. */
  url(): Promise<string>
  /** Resolves when its standard output matches. */
  said(words: RegExp): Promise<void>
}

function follow(started: ChildProcessWithoutNullStreams): Started {
  const text = { stdout: '', stderr: '' }
  started.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk
  })
  started.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk
  })
  return {
    process: started,
    text,
    ended: once(started, 'close').then(([code]) => code as number | null),
    async url() {
      await said(/(http:\S+).*\n.*sweeps are carried.*\n/)
      return /(http:\S+).*\n/.exec(text.stdout)?.[1] as string
    },
    said,
  }

  async function said(words: RegExp): Promise<void> {
    while (!words.test(text.stdout)) {
      await Promise.race([
        once(started.stdout, 'data'),
        once(started, 'close').then(() => {
          throw new Error(`it ended without saying ${words}: ${text.stderr}`)
        }),
      ])
    }
  }
}
