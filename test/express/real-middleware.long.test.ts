import express5 from 'express'
import express4 from 'express4'
import { describe, it } from 'vitest'
import { expectSameBytes, formsFor, LIBRARIES, MODES } from './real-middleware.ts'

// One library at a time, before ours on Express 4 and after it on Express 5. All combinations run nightly.
describe.each(Object.keys(LIBRARIES))('with %s', (name) => {
  describe.each(MODES)('and a store that has: %s', (mode) => {
    it.each(formsFor([name]))('mounted before ours, %s has the same bytes', async (_form, form) => {
      await expectSameBytes({ express: express4, before: [name], after: [], form }, mode)
    })

    it.each(formsFor([name]))('mounted after ours, %s has the same bytes', async (_form, form) => {
      await expectSameBytes({ express: express5, before: [], after: [name], form }, mode)
    })
  })
})
