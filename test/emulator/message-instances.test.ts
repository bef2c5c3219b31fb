import protos from '@google-cloud/datastore/build/protos/protos.js'
import { describe, expect, it } from 'vitest'
import { plainProperties } from '../../src/migrate/values.ts'
import { type DatastoreV1Client, datastoreStore } from '../../src/store/datastore/index.ts'
import { storeContract } from '../../src/testing/index.ts'
import { clientAt, PROJECT } from '../migrate/harness.ts'
import { EMULATORS, uniqueSpace } from '../setup/stores.ts'

const { LookupResponse, CommitResponse, RunQueryResponse, Entity } = protos.google.datastore.v1

/** The static classes of the driver that this test uses. */
interface MessageType {
  fromObject(object: object): object
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
}

/**
 * A message as it was read from the wire. The prototype has values for fields that were not sent: `null`, an empty list,
 * an empty text, no bytes or a zero. An int64 is a `Long`, and an enum is a number.
 */
function received(type: MessageType, content: object): object {
  return type.decode(type.encode(type.fromObject(content)).finish())
}

/** A client of the app that returns messages of protobufjs, while the driver's own client returns plain objects. */
function messageClient(client: Promise<DatastoreV1Client>): DatastoreV1Client {
  const call =
    (method: 'lookup' | 'commit' | 'runQuery', type: MessageType) =>
    async (request: object, options?: object): Promise<unknown> => {
      const [answer, ...others] = (await (await client)[method](request, options)) as object[]
      return [received(type, answer as object), ...others]
    }
  return {
    lookup: call('lookup', LookupResponse as unknown as MessageType),
    commit: call('commit', CommitResponse as unknown as MessageType),
    runQuery: call('runQuery', RunQueryResponse as unknown as MessageType),
  }
}

// This runs on one program: the messages are the same on the other. The contract tests the differences between the two.
const [{ name, host } = { name: 'emulator', host: null }] = EMULATORS.filter(
  (one) => one.missing === null,
)

describe.skipIf(host === null)(`with a client that gives messages, on the ${name}`, () => {
  void storeContract(
    () =>
      datastoreStore({
        projectId: PROJECT,
        namespace: uniqueSpace(),
        client: messageClient(clientAt(host as string)),
      }),
    { describe, it },
  )
})

describe('an entity of an old system that is a message', () => {
  const entity = (properties: object): Record<string, unknown> =>
    (received(Entity as unknown as MessageType, { properties }) as { properties: object })
      .properties as Record<string, unknown>

  it('has only the values that were sent', () => {
    const key = { path: [{ kind: 'user', id: '5634161670881280' }] }
    expect(
      plainProperties(
        entity({
          nothing: { nullValue: 'NULL_VALUE' },
          empty: {},
          text: { stringValue: '' },
          no: { booleanValue: false },
          whole: { integerValue: '0' },
          large: { integerValue: '9007199254740993' },
          float: { doubleValue: 0 },
          time: { timestampValue: {} },
          key: { keyValue: key },
          named: { keyValue: { path: [{ kind: 'user', name: 'me' }] } },
          bytes: { blobValue: '' },
          place: { geoPointValue: {} },
          list: { arrayValue: {} },
          inner: { entityValue: { key, properties: { a: { integerValue: '1' } } } },
        }),
      ),
    ).toEqual({
      nothing: null,
      empty: null,
      text: '',
      no: false,
      whole: 0,
      large: 9007199254740993n,
      float: 0,
      time: new Date(0),
      key: 'user/5634161670881280',
      named: 'user/me',
      bytes: Buffer.alloc(0),
      place: { latitude: 0, longitude: 0 },
      list: [],
      inner: { a: 1 },
    })
  })
})
