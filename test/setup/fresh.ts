import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, expect, vi } from 'vitest'

/**
 * Runs first for each test file. One process runs many files (a process for each costs twice the time), and packages
 * such as Google's client are loaded once in it. The modules of this package and of the tests are loaded anew for
 * every file, and a file that does not restore the environment and globals fails.
 */
vi.resetModules()

// The projects *unit* and *http* need no emulator: no test in them finds one that happens to run.
if (['unit', 'http'].includes(process.env['VIUR_TEST_PROJECT'] ?? '')) {
  delete process.env['DATASTORE_EMULATOR_HOST']
  delete process.env['VIUR_TEST_NEWER_EMULATOR_HOST']
}

// A module that is loaded anew makes a new AsyncLocalStorage, and up to Node 22 each new promise visits all of them
// that were ever used. So the instances that a file has used are disabled at its end.
const used = new Set<AsyncLocalStorage<unknown>>()
const { run } = AsyncLocalStorage.prototype
AsyncLocalStorage.prototype.run = function (this: AsyncLocalStorage<unknown>, ...args: unknown[]) {
  used.add(this)
  return Reflect.apply(run, this, args) as never
}

const environment = { ...process.env }
const globals = new Map(
  (['Date', 'fetch', 'setTimeout', 'setImmediate', 'queueMicrotask', 'Error'] as const).map(
    (name) => [name, globalThis[name]],
  ),
)

afterAll(() => {
  vi.unstubAllEnvs()
  const left = Object.keys({ ...environment, ...process.env }).filter(
    (name) => environment[name] !== process.env[name],
  )
  const replaced = [...globals].flatMap(([name, value]) =>
    globalThis[name] === value ? [] : [name],
  )
  Object.assign(process.env, environment)
  for (const name of left) if (environment[name] === undefined) delete process.env[name]
  vi.useRealTimers()
  AsyncLocalStorage.prototype.run = run
  for (const storage of used) storage.disable()
  expect({ left, replaced }, 'the variables and globals that this file did not restore').toEqual({
    left: [],
    replaced: [],
  })
})
