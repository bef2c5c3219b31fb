import { createRequire } from 'node:module'
import type { RequestHandler } from 'express'
import { describe, it } from 'vitest'
import { frameworks } from './helpers.ts'
import { expectSameBytes, formsFor, LIBRARIES, MODES } from './real-middleware.ts'

// All combinations: every library before ours with every library after it, in every form of answer.

const NAMES = Object.keys(LIBRARIES)

/**
 * Combinations that cannot be compared. Without us, http-compression sends some heads without calling the hooks of
 * middleware mounted later, which are called with us; and server-timing mounted twice fails by itself.
 */
function isComparable(first: string, second: string): boolean {
  const hooks = ['response-time', 'server-timing', 'on-headers', 'a writeHead of the app']
  if (first === 'http-compression') return !hooks.includes(second)
  return first !== 'server-timing' || second !== first
}

describe.each(frameworks)('%s', (_name, express) => {
  describe.each(NAMES)('%s before ours', (first) => {
    it.each(NAMES.filter((second) => isComparable(first, second)))(
      '%s behind it: the same bytes in every form of answer',
      async (second) => {
        for (const mode of MODES) {
          for (const [name, form] of formsFor([first, second])) {
            const combination = { express, before: [first], after: [second], form }
            await expectSameBytes(combination, mode).catch((cause: unknown) => {
              throw new Error(`${name}, with a store that has: ${mode}`, { cause })
            })
          }
        }
      },
      120_000,
    )
  })
})

/** Next.js contains its own version of compression. It is large, so only the nightly run installs it. */
const BUILT_IN = 'next/dist/compiled/compression'

function builtIn(): (() => RequestHandler) | null {
  try {
    return createRequire(import.meta.url)(BUILT_IN) as () => RequestHandler
  } catch {
    return null
  }
}

const compression = builtIn()

describe.skipIf(compression === null)(
  `the compression of Next.js${compression === null ? ' (not installed: npm install --no-save next)' : ''}`,
  () => {
    describe.each(frameworks)('%s', (_name, express) => {
      describe.each(['before', 'after'] as const)('%s ours', (place) => {
        it.each(formsFor([]))('%s has the same bytes', async (_form, form) => {
          const name = 'the compression of Next.js'
          const libraries = { [name]: compression as () => RequestHandler }
          const none = { before: [], after: [] }
          for (const mode of MODES) {
            await expectSameBytes({ express, form, libraries, ...none, [place]: [name] }, mode)
          }
        })
      })
    })
  },
)
