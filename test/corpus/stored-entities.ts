import type { LoadOutcome } from '../../src/index.ts'

/** The properties of an entity, in the form of the generated client. */
export type Properties = Record<string, Record<string, unknown>>

/** A change of a session's entity by another program, and the outcome of the next request. */
export interface EntityCase {
  readonly becomes: (properties: Properties) => Properties
  readonly outcome: LoadOutcome
}

function without(name: string): EntityCase {
  return {
    becomes: ({ [name]: _, ...others }) => others,
    outcome: 'unreadable',
  }
}

function set(
  name: string,
  value: Record<string, unknown>,
  outcome: LoadOutcome = 'unreadable',
): EntityCase {
  return { becomes: (properties) => ({ ...properties, [name]: value }), outcome }
}

const seconds = (at: number): Record<string, unknown> => ({
  timestampValue: { seconds: at, nanos: 0 },
})

/** Section D of the attack corpus, stored in the database. */
export const STORED_ENTITIES: Readonly<Record<string, EntityCase>> = {
  'nothing at all': { becomes: () => ({}), outcome: 'unreadable' },
  'no data': without('data'),
  'no user': without('user'),
  'no created': without('created'),
  'no lastseen': without('lastseen'),
  'no expires': without('expires'),
  'no rev': without('rev'),
  'data that is a number': set('data', { integerValue: 1 }),
  'data that is an entity, as another framework keeps it': set('data', {
    entityValue: { properties: { views: { integerValue: 1 } } },
  }),
  'data that is null': set('data', { nullValue: 'NULL_VALUE' }),
  'data that is a list': set('data', { arrayValue: { values: [{ stringValue: 'x' }] } }),
  'data that is JSON': set('data', { stringValue: '{"views":1}', excludeFromIndexes: true }),
  'a user that is null': set('user', { nullValue: 'NULL_VALUE' }),
  'a user that is a number': set('user', { integerValue: 7 }),
  'a user that is empty': set('user', { stringValue: '' }),
  'lastseen as a float, as another framework keeps it': set('lastseen', { doubleValue: 1.5e9 }),
  'expires as a number': set('expires', { integerValue: 2_000_000_000 }),
  'expires as a text': set('expires', { stringValue: '2040-01-01T00:00:00Z' }),
  'created in the year 9000': set('created', seconds(Date.UTC(9000, 0) / 1000)),
  'expires before 1970': set('expires', seconds(-1)),
  'an unknown property, which is kept': set('later', { stringValue: 'x' }, 'live'),
  'a sweep that is none, which only the sweep reads': set('sweep', { stringValue: 'x' }, 'live'),
}
