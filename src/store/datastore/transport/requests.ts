// Made by scripts/datastore-protos.mjs of the protos of google.datastore.v1. Do not edit.

import { type Encode, encoder, type Message, type Writer } from './wire.ts'

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

function writeLookupRequest(writer: Writer, message: Message): void {
  writer.messages(26, message['keys'], writeKey)
  writer.string(66, message['projectId'])
  writer.string(74, message['databaseId'])
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

function writeTimestamp(writer: Writer, message: Message): void {
  writer.int64(8, message['seconds'])
  writer.int32(16, message['nanos'])
}

function writeTransactionOptions(writer: Writer, message: Message): void {
  writer.message(10, message['readWrite'], writeTransactionOptionsReadWrite)
}

function writeTransactionOptionsReadWrite(writer: Writer, message: Message): void {
  writer.bytes(10, message['previousTransaction'])
}

function writeRunQueryRequest(writer: Writer, message: Message): void {
  writer.message(18, message['partitionId'], writePartitionId)
  writer.message(26, message['query'], writeQuery)
  writer.string(66, message['projectId'])
  writer.string(74, message['databaseId'])
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

export const encodeLookup: Encode = encoder(writeLookupRequest)

export const encodeCommit: Encode = encoder(writeCommitRequest)

export const encodeRunQuery: Encode = encoder(writeRunQueryRequest)
