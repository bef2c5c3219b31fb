import { randomBytes } from 'node:crypto'

/** A namespace that no other run uses. */
export function freshNamespace() {
  return `bench-${randomBytes(6).toString('hex')}`
}

/** Ends with a word of advice unless there is an emulator. */
export function needEmulator() {
  if (process.env.DATASTORE_EMULATOR_HOST) return process.env.DATASTORE_EMULATOR_HOST
  console.error('This part needs an emulator: run it with ./emulator.sh -- node bench/...')
  return process.exit(2)
}
