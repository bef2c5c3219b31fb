import { expect, it } from 'vitest'
import { encodeValue, plainValues } from '../../src/record/codec.ts'
import { Payload, unitOf } from '../../src/record/payload.ts'
import { SessionData } from '../../src/request/tracked-data.ts'

const CART = unitOf(null, 'cart')
const NAME = unitOf(null, 'name')
const text = (value: unknown): string => encodeValue(value, 'value')

it('compares an encoded text with the stored one, as it does for a value', () => {
  const data = new SessionData(Payload.empty.with(new Map([[CART, text(['book'])]])), plainValues)
  data.writeText(CART, text(['book']))
  expect(data.changes()).toEqual(new Map())
  data.writeText(CART, text(['book', 'pen']))
  data.writeText(NAME, text('ann'))
  expect(data.changes()).toEqual(
    new Map([
      [CART, text(['book', 'pen'])],
      [NAME, text('ann')],
    ]),
  )
  data.writeText(CART, text(['book']))
  expect([...data.changes().keys()]).toEqual([NAME])
  data.remove(CART)
  data.writeText(CART, text(['book']))
  expect([...data.changes().keys()]).toEqual([NAME])
})

it('reads a value that was set as a text, and finds later changes of it', () => {
  const data = new SessionData(Payload.empty, plainValues)
  data.writeText(CART, text(['book']))
  data.writeText(NAME, text('ann'))
  expect(data.has(CART)).toBe(true)
  expect(data.read(NAME)).toBe('ann')
  const cart = data.read(CART) as string[]
  expect(data.read(CART)).toBe(cart)
  cart.push('pen')
  expect(data.changes().get(CART)).toBe(text(['book', 'pen']))
  data.writeText(CART, text(['lamp']))
  expect(data.read(CART)).toEqual(['lamp'])
})
