import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'

/** Longer than any work, in milliseconds. */
const LONGEST = 10 * 60 * 1000

/**
 * Does work while no other process does it. A lock is ignored when its process has ended, or when it is old.
 *
 * @template Result
 * @param {string} lock
 * @param {() => Result} work
 * @returns {Result}
 */
export function alone(lock, work) {
  const own = `${process.pid}-${randomUUID()}`
  while (!take(lock, own)) {
    const holder = textOf(lock)
    if (holder === null) continue
    if (isHeld(lock, holder)) pause()
    // A second waiter may find the same lock stale, and must not remove the lock that the first one takes then.
    else alone(`${lock}.${holder}`, () => release(lock, holder))
  }
  try {
    return work()
  } finally {
    release(lock, own)
  }
}

/**
 * Makes the lock, with its text from the start. Returns `false` when it exists already.
 *
 * @param {string} lock
 * @param {string} own
 */
function take(lock, own) {
  const file = `${lock}.new-${own}`
  writeFileSync(file, own)
  try {
    linkSync(file, lock)
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(file)
  }
}

/**
 * Removes the lock of this holder, and of no other.
 *
 * @param {string} lock
 * @param {string} holder
 */
function release(lock, holder) {
  if (textOf(lock) === holder) rmSync(lock, { force: true })
}

/**
 * Returns the text of the lock, which names its holder; `null` when it was released.
 *
 * @param {string} lock
 */
function textOf(lock) {
  try {
    return readFileSync(lock, 'utf8')
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return null
    throw error
  }
}

/**
 * Whether the process that made the lock still runs.
 *
 * @param {string} lock
 * @param {string} holder
 */
function isHeld(lock, holder) {
  try {
    process.kill(Number.parseInt(holder, 10), 0)
    return Date.now() - statSync(lock).mtimeMs < LONGEST
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

function pause() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
}
