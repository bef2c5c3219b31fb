// Made by scripts/datastore-protos.mjs of the protos of google.datastore.v1. Do not edit.

import { type Message, Reader, Writer } from './wire.ts'

const READ_OPTIONS_READ_CONSISTENCY_NUMBERS: Readonly<Record<string, number>> = {
  READ_CONSISTENCY_UNSPECIFIED: 0,
  STRONG: 1,
  EVENTUAL: 2,
}

const NULL_VALUE_NAMES: Readonly<Record<number, string>> = { 0: 'NULL_VALUE' }

const COMMIT_REQUEST_MODE_NUMBERS: Readonly<Record<string, number>> = {
  MODE_UNSPECIFIED: 0,
  TRANSACTIONAL: 1,
  NON_TRANSACTIONAL: 2,
}

const NULL_VALUE_NUMBERS: Readonly<Record<string, number>> = { NULL_VALUE: 0 }

const MUTATION_CONFLICT_RESOLUTION_STRATEGY_NUMBERS: Readonly<Record<string, number>> = {
  STRATEGY_UNSPECIFIED: 0,
  SERVER_VALUE: 1,
  FAIL: 3,
}

const COMPOSITE_FILTER_OPERATOR_NUMBERS: Readonly<Record<string, number>> = {
  OPERATOR_UNSPECIFIED: 0,
  AND: 1,
  OR: 2,
}

const PROPERTY_FILTER_OPERATOR_NUMBERS: Readonly<Record<string, number>> = {
  OPERATOR_UNSPECIFIED: 0,
  LESS_THAN: 1,
  LESS_THAN_OR_EQUAL: 2,
  GREATER_THAN: 3,
  GREATER_THAN_OR_EQUAL: 4,
  EQUAL: 5,
  IN: 6,
  NOT_EQUAL: 9,
  HAS_ANCESTOR: 11,
  NOT_IN: 13,
}

const PROPERTY_ORDER_DIRECTION_NUMBERS: Readonly<Record<string, number>> = {
  DIRECTION_UNSPECIFIED: 0,
  ASCENDING: 1,
  DESCENDING: 2,
}

const ENTITY_RESULT_RESULT_TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'RESULT_TYPE_UNSPECIFIED',
  1: 'FULL',
  2: 'PROJECTION',
  3: 'KEY_ONLY',
}

const QUERY_RESULT_BATCH_MORE_RESULTS_TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'MORE_RESULTS_TYPE_UNSPECIFIED',
  1: 'NOT_FINISHED',
  2: 'MORE_RESULTS_AFTER_LIMIT',
  3: 'NO_MORE_RESULTS',
  4: 'MORE_RESULTS_AFTER_CURSOR',
}

const COMPOSITE_FILTER_OPERATOR_NAMES: Readonly<Record<number, string>> = {
  0: 'OPERATOR_UNSPECIFIED',
  1: 'AND',
  2: 'OR',
}

const PROPERTY_FILTER_OPERATOR_NAMES: Readonly<Record<number, string>> = {
  0: 'OPERATOR_UNSPECIFIED',
  1: 'LESS_THAN',
  2: 'LESS_THAN_OR_EQUAL',
  3: 'GREATER_THAN',
  4: 'GREATER_THAN_OR_EQUAL',
  5: 'EQUAL',
  6: 'IN',
  9: 'NOT_EQUAL',
  11: 'HAS_ANCESTOR',
  13: 'NOT_IN',
}

const PROPERTY_ORDER_DIRECTION_NAMES: Readonly<Record<number, string>> = {
  0: 'DIRECTION_UNSPECIFIED',
  1: 'ASCENDING',
  2: 'DESCENDING',
}

function writeLookupRequest(writer: Writer, message: Message): void {
  writer.message(10, message['readOptions'], writeReadOptions)
  writer.messages(26, message['keys'], writeKey)
  writer.message(42, message['propertyMask'], writePropertyMask)
  writer.string(66, message['projectId'])
  writer.string(74, message['databaseId'])
}

function writeReadOptions(writer: Writer, message: Message): void {
  writer.enum(8, message['readConsistency'], READ_OPTIONS_READ_CONSISTENCY_NUMBERS)
  writer.bytes(18, message['transaction'])
  writer.message(26, message['newTransaction'], writeTransactionOptions)
  writer.message(34, message['readTime'], writeTimestamp)
}

function writeTransactionOptions(writer: Writer, message: Message): void {
  writer.message(10, message['readWrite'], writeTransactionOptionsReadWrite)
  writer.message(18, message['readOnly'], writeTransactionOptionsReadOnly)
}

function writeTransactionOptionsReadWrite(writer: Writer, message: Message): void {
  writer.bytes(10, message['previousTransaction'])
}

function writeTransactionOptionsReadOnly(writer: Writer, message: Message): void {
  writer.message(10, message['readTime'], writeTimestamp)
}

function writeTimestamp(writer: Writer, message: Message): void {
  writer.int64(8, message['seconds'])
  writer.int32(16, message['nanos'])
}

function writeKey(writer: Writer, message: Message): void {
  writer.message(10, message['partitionId'], writePartitionId)
  writer.messages(18, message['path'], writeKeyPathElement)
}

function writePartitionId(writer: Writer, message: Message): void {
  writer.string(18, message['projectId'])
  writer.string(26, message['databaseId'])
  writer.string(34, message['namespaceId'])
}

function writeKeyPathElement(writer: Writer, message: Message): void {
  writer.string(10, message['kind'])
  writer.int64(16, message['id'])
  writer.string(26, message['name'])
}

function writePropertyMask(writer: Writer, message: Message): void {
  writer.strings(10, message['paths'])
}

function writeCommitRequest(writer: Writer, message: Message): void {
  writer.bytes(10, message['transaction'])
  writer.enum(40, message['mode'], COMMIT_REQUEST_MODE_NUMBERS)
  writer.messages(50, message['mutations'], writeMutation)
  writer.string(66, message['projectId'])
  writer.string(74, message['databaseId'])
  writer.message(82, message['singleUseTransaction'], writeTransactionOptions)
}

function writeMutation(writer: Writer, message: Message): void {
  writer.message(34, message['insert'], writeEntity)
  writer.message(42, message['update'], writeEntity)
  writer.message(50, message['upsert'], writeEntity)
  writer.message(58, message['delete'], writeKey)
  writer.int64(64, message['baseVersion'])
  writer.message(74, message['propertyMask'], writePropertyMask)
  writer.enum(
    80,
    message['conflictResolutionStrategy'],
    MUTATION_CONFLICT_RESOLUTION_STRATEGY_NUMBERS,
  )
  writer.message(90, message['updateTime'], writeTimestamp)
}

function writeEntity(writer: Writer, message: Message): void {
  writer.message(10, message['key'], writeKey)
  writer.map(26, message['properties'], writeValue)
}

function writeValue(writer: Writer, message: Message): void {
  writer.bool(8, message['booleanValue'])
  writer.int64(16, message['integerValue'])
  writer.double(25, message['doubleValue'])
  writer.message(42, message['keyValue'], writeKey)
  writer.message(50, message['entityValue'], writeEntity)
  writer.message(66, message['geoPointValue'], writeLatLng)
  writer.message(74, message['arrayValue'], writeArrayValue)
  writer.message(82, message['timestampValue'], writeTimestamp)
  writer.enum(88, message['nullValue'], NULL_VALUE_NUMBERS)
  writer.int32(112, message['meaning'])
  writer.string(138, message['stringValue'])
  writer.bytes(146, message['blobValue'])
  writer.bool(152, message['excludeFromIndexes'])
}

function writeLatLng(writer: Writer, message: Message): void {
  writer.double(9, message['latitude'])
  writer.double(17, message['longitude'])
}

function writeArrayValue(writer: Writer, message: Message): void {
  writer.messages(10, message['values'], writeValue)
}

function writeRunQueryRequest(writer: Writer, message: Message): void {
  writer.message(10, message['readOptions'], writeReadOptions)
  writer.message(18, message['partitionId'], writePartitionId)
  writer.message(26, message['query'], writeQuery)
  writer.string(66, message['projectId'])
  writer.string(74, message['databaseId'])
  writer.message(82, message['propertyMask'], writePropertyMask)
}

function writeQuery(writer: Writer, message: Message): void {
  writer.messages(18, message['projection'], writeProjection)
  writer.messages(26, message['kind'], writeKindExpression)
  writer.message(34, message['filter'], writeFilter)
  writer.messages(42, message['order'], writePropertyOrder)
  writer.messages(50, message['distinctOn'], writePropertyReference)
  writer.bytes(58, message['startCursor'])
  writer.bytes(66, message['endCursor'])
  writer.int32(80, message['offset'])
  writer.message(98, message['limit'], writeInt32Value)
}

function writeProjection(writer: Writer, message: Message): void {
  writer.message(10, message['property'], writePropertyReference)
}

function writePropertyReference(writer: Writer, message: Message): void {
  writer.string(18, message['name'])
}

function writeKindExpression(writer: Writer, message: Message): void {
  writer.string(10, message['name'])
}

function writeFilter(writer: Writer, message: Message): void {
  writer.message(10, message['compositeFilter'], writeCompositeFilter)
  writer.message(18, message['propertyFilter'], writePropertyFilter)
}

function writeCompositeFilter(writer: Writer, message: Message): void {
  writer.enum(8, message['op'], COMPOSITE_FILTER_OPERATOR_NUMBERS)
  writer.messages(18, message['filters'], writeFilter)
}

function writePropertyFilter(writer: Writer, message: Message): void {
  writer.message(10, message['property'], writePropertyReference)
  writer.enum(16, message['op'], PROPERTY_FILTER_OPERATOR_NUMBERS)
  writer.message(26, message['value'], writeValue)
}

function writePropertyOrder(writer: Writer, message: Message): void {
  writer.message(10, message['property'], writePropertyReference)
  writer.enum(16, message['direction'], PROPERTY_ORDER_DIRECTION_NUMBERS)
}

function writeInt32Value(writer: Writer, message: Message): void {
  writer.int32(8, message['value'])
}

function readLookupResponse(reader: Reader, end: number): Message {
  const found: unknown[] = []
  const missing: unknown[] = []
  const deferred: unknown[] = []

  const message: Message = { found, missing, deferred }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        found.push(reader.message(readEntityResult))
        break
      case 18:
        missing.push(reader.message(readEntityResult))
        break
      case 26:
        deferred.push(reader.message(readKey))
        break
      case 42:
        message['transaction'] = reader.bytes()
        break
      case 58:
        message['readTime'] = reader.message(readTimestamp)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readEntityResult(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['entity'] = reader.message(readEntity)
        break
      case 26:
        message['cursor'] = reader.bytes()
        break
      case 32:
        message['version'] = reader.int64()
        break
      case 42:
        message['updateTime'] = reader.message(readTimestamp)
        break
      case 50:
        message['createTime'] = reader.message(readTimestamp)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readEntity(reader: Reader, end: number): Message {
  const properties: Message = {}
  const message: Message = { properties }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['key'] = reader.message(readKey)
        break
      case 26:
        reader.entry(properties, readValue)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readKey(reader: Reader, end: number): Message {
  const path: unknown[] = []

  const message: Message = { path }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['partitionId'] = reader.message(readPartitionId)
        break
      case 18:
        path.push(reader.message(readKeyPathElement))
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readPartitionId(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 18:
        message['projectId'] = reader.string()
        break
      case 26:
        message['databaseId'] = reader.string()
        break
      case 34:
        message['namespaceId'] = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readKeyPathElement(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['kind'] = reader.string()
        break
      case 16:
        message['id'] = reader.int64()
        break
      case 26:
        message['name'] = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readValue(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        message['booleanValue'] = reader.bool()
        break
      case 16:
        message['integerValue'] = reader.int64()
        break
      case 25:
        message['doubleValue'] = reader.double()
        break
      case 42:
        message['keyValue'] = reader.message(readKey)
        break
      case 50:
        message['entityValue'] = reader.message(readEntity)
        break
      case 66:
        message['geoPointValue'] = reader.message(readLatLng)
        break
      case 74:
        message['arrayValue'] = reader.message(readArrayValue)
        break
      case 82:
        message['timestampValue'] = reader.message(readTimestamp)
        break
      case 88:
        message['nullValue'] = reader.enum(NULL_VALUE_NAMES)
        break
      case 112:
        message['meaning'] = reader.int32()
        break
      case 138:
        message['stringValue'] = reader.string()
        break
      case 146:
        message['blobValue'] = reader.bytes()
        break
      case 152:
        message['excludeFromIndexes'] = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readLatLng(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 9:
        message['latitude'] = reader.double()
        break
      case 17:
        message['longitude'] = reader.double()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readArrayValue(reader: Reader, end: number): Message {
  const values: unknown[] = []

  const message: Message = { values }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        values.push(reader.message(readValue))
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readTimestamp(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        message['seconds'] = reader.int64()
        break
      case 16:
        message['nanos'] = reader.int32()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readCommitResponse(reader: Reader, end: number): Message {
  const mutationResults: unknown[] = []

  const message: Message = { mutationResults }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 26:
        mutationResults.push(reader.message(readMutationResult))
        break
      case 32:
        message['indexUpdates'] = reader.int32()
        break
      case 66:
        message['commitTime'] = reader.message(readTimestamp)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readMutationResult(reader: Reader, end: number): Message {
  const transformResults: unknown[] = []

  const message: Message = { transformResults }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 26:
        message['key'] = reader.message(readKey)
        break
      case 32:
        message['version'] = reader.int64()
        break
      case 40:
        message['conflictDetected'] = reader.bool()
        break
      case 50:
        message['updateTime'] = reader.message(readTimestamp)
        break
      case 58:
        message['createTime'] = reader.message(readTimestamp)
        break
      case 66:
        transformResults.push(reader.message(readValue))
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readRunQueryResponse(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['batch'] = reader.message(readQueryResultBatch)
        break
      case 18:
        message['query'] = reader.message(readQuery)
        break
      case 42:
        message['transaction'] = reader.bytes()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readQueryResultBatch(reader: Reader, end: number): Message {
  const entityResults: unknown[] = []

  const message: Message = { entityResults }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        message['entityResultType'] = reader.enum(ENTITY_RESULT_RESULT_TYPE_NAMES)
        break
      case 18:
        entityResults.push(reader.message(readEntityResult))
        break
      case 26:
        message['skippedCursor'] = reader.bytes()
        break
      case 34:
        message['endCursor'] = reader.bytes()
        break
      case 40:
        message['moreResults'] = reader.enum(QUERY_RESULT_BATCH_MORE_RESULTS_TYPE_NAMES)
        break
      case 48:
        message['skippedResults'] = reader.int32()
        break
      case 56:
        message['snapshotVersion'] = reader.int64()
        break
      case 66:
        message['readTime'] = reader.message(readTimestamp)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readQuery(reader: Reader, end: number): Message {
  const projection: unknown[] = []
  const kind: unknown[] = []
  const order: unknown[] = []
  const distinctOn: unknown[] = []

  const message: Message = { projection, kind, order, distinctOn }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 18:
        projection.push(reader.message(readProjection))
        break
      case 26:
        kind.push(reader.message(readKindExpression))
        break
      case 34:
        message['filter'] = reader.message(readFilter)
        break
      case 42:
        order.push(reader.message(readPropertyOrder))
        break
      case 50:
        distinctOn.push(reader.message(readPropertyReference))
        break
      case 58:
        message['startCursor'] = reader.bytes()
        break
      case 66:
        message['endCursor'] = reader.bytes()
        break
      case 80:
        message['offset'] = reader.int32()
        break
      case 98:
        message['limit'] = reader.message(readInt32Value)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readProjection(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['property'] = reader.message(readPropertyReference)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readPropertyReference(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 18:
        message['name'] = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readKindExpression(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['name'] = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readFilter(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['compositeFilter'] = reader.message(readCompositeFilter)
        break
      case 18:
        message['propertyFilter'] = reader.message(readPropertyFilter)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readCompositeFilter(reader: Reader, end: number): Message {
  const filters: unknown[] = []

  const message: Message = { filters }
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        message['op'] = reader.enum(COMPOSITE_FILTER_OPERATOR_NAMES)
        break
      case 18:
        filters.push(reader.message(readFilter))
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readPropertyFilter(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['property'] = reader.message(readPropertyReference)
        break
      case 16:
        message['op'] = reader.enum(PROPERTY_FILTER_OPERATOR_NAMES)
        break
      case 26:
        message['value'] = reader.message(readValue)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readPropertyOrder(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message['property'] = reader.message(readPropertyReference)
        break
      case 16:
        message['direction'] = reader.enum(PROPERTY_ORDER_DIRECTION_NAMES)
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

function readInt32Value(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        message['value'] = reader.int32()
        break
      default:
        reader.skip(tag)
    }
  }
  return message
}

export function encodeLookupRequest(message: object): Buffer {
  const writer = new Writer()
  writeLookupRequest(writer, message as Message)
  return writer.finish()
}

export function decodeLookupResponse(bytes: Buffer): Message {
  return readLookupResponse(new Reader(bytes), bytes.length)
}

export function encodeCommitRequest(message: object): Buffer {
  const writer = new Writer()
  writeCommitRequest(writer, message as Message)
  return writer.finish()
}

export function decodeCommitResponse(bytes: Buffer): Message {
  return readCommitResponse(new Reader(bytes), bytes.length)
}

export function encodeRunQueryRequest(message: object): Buffer {
  const writer = new Writer()
  writeRunQueryRequest(writer, message as Message)
  return writer.finish()
}

export function decodeRunQueryResponse(bytes: Buffer): Message {
  return readRunQueryResponse(new Reader(bytes), bytes.length)
}
