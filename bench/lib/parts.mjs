import { randomBytes } from 'node:crypto'

/** Returns a namespace that no other run uses. */
export function freshNamespace() {
  return `bench-${randomBytes(6).toString('hex')}`
}

/** Returns the emulator's address. Without an emulator it prints advice and exits. */
export function needEmulator() {
  if (process.env.DATASTORE_EMULATOR_HOST) return process.env.DATASTORE_EMULATOR_HOST
  console.error('This part needs an emulator: run it with ./emulator.sh -- node bench/...')
  return process.exit(2)
}
