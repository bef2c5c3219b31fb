import { describe, expect, it } from 'vitest'
import { SessionConfigError } from '../../../src/index.ts'
import { datastoreStore } from '../../../src/store/datastore/index.ts'

describe('datastoreStore()', () => {
  it.each([
    [{ colour: 'red' }, /has no option "colour": it takes projectId, .* and deadline$/],
    [null, /takes an object of options, not null/],
    ['shop', /takes an object of options, not "shop"/],
  ])('refuses %j and says what it takes', (options, message) => {
    const make = () => datastoreStore(options as never)
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(message)
  })
})
