import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT } from './exit.ts'

/** The script, beside the file of the command. */
const SCRIPT = new URL('emulator.sh', import.meta.url)

/** Runs the local Datastore emulator. All arguments are those of the script, and so is the exit code. */
export async function emulator(words: readonly string[]): Promise<number> {
  const script = fileURLToPath(SCRIPT)
  // Its logs and state belong to the app, not to node_modules.
  const state = process.env['VIUR_SESSION_EMULATOR_STATE'] ?? join(process.cwd(), '.emulator')
  const child = spawn('bash', [script, ...words], {
    stdio: 'inherit',
    env: {
      ...process.env,
      VIUR_SESSION_EMULATOR_STATE: state,
      VIUR_SESSION_EMULATOR_NAME: 'npx viur-session emulator',
    },
  })
  // Signals from the keyboard reach the script too, which handles them.
  const ignore = () => {}
  const pass = () => child.kill('SIGTERM')
  process.on('SIGINT', ignore)
  process.on('SIGTERM', pass)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          error.code === 'ENOENT'
            ? new Error('the emulator needs bash, which is not there')
            : error,
        )
      })
      child.once('close', (code) => resolve(code ?? EXIT.failed))
    })
  } finally {
    process.off('SIGINT', ignore)
    process.off('SIGTERM', pass)
  }
}
