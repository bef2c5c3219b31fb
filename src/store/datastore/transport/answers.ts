// Made by scripts/datastore-protos.mjs of the protos of google.datastore.v1. Do not edit.

import { type Decode, decoder, type Message, type Reader } from './wire.ts'

const NULL_VALUE_NAMES: Readonly<Record<number, string>> = { 0: 'NULL_VALUE' }

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

function readLookupResponse(reader: Reader, end: number): Message {
  const found: unknown[] = []
  const missing: unknown[] = []
  const deferred: unknown[] = []
  const message: Message = { found, missing, deferred }
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 10) found.push(reader.message(readEntityResult))
    else if (tag === 18) missing.push(reader.message(readEntityResult))
    else if (tag === 26) deferred.push(reader.message(readKey))
    else if (tag === 58) message['readTime'] = reader.message(readTimestamp)
    else reader.skip(tag)
  }
  return message
}

function readEntityResult(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 10) message['entity'] = reader.message(readEntity)
    else if (tag === 26) message['cursor'] = reader.bytes()
    else if (tag === 32) message['version'] = reader.int64()
    else if (tag === 42) message['updateTime'] = reader.message(readTimestamp)
    else if (tag === 50) message['createTime'] = reader.message(readTimestamp)
    else reader.skip(tag)
  }
  return message
}

function readEntity(reader: Reader, end: number): Message {
  const properties: Message = {}
  const message: Message = { properties }
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 10) message['key'] = reader.message(readKey)
    else if (tag === 26) reader.entry(properties, readValue)
    else reader.skip(tag)
  }
  return message
}

function readKey(reader: Reader, end: number): Message {
  const path: unknown[] = []
  const message: Message = { path }
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 10) message['partitionId'] = reader.message(readPartitionId)
    else if (tag === 18) path.push(reader.message(readKeyPathElement))
    else reader.skip(tag)
  }
  return message
}

function readPartitionId(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 18) message['projectId'] = reader.string()
    else if (tag === 26) message['databaseId'] = reader.string()
    else if (tag === 34) message['namespaceId'] = reader.string()
    else reader.skip(tag)
  }
  return message
}

function readKeyPathElement(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 10) message['kind'] = reader.string()
    else if (tag === 16) message['id'] = reader.int64()
    else if (tag === 26) message['name'] = reader.string()
    else reader.skip(tag)
  }
  return message
}

function readValue(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 8) message['booleanValue'] = reader.bool()
    else if (tag === 16) message['integerValue'] = reader.int64()
    else if (tag === 25) message['doubleValue'] = reader.double()
    else if (tag === 42) message['keyValue'] = reader.message(readKey)
    else if (tag === 50) message['entityValue'] = reader.message(readEntity)
    else if (tag === 66) message['geoPointValue'] = reader.message(readLatLng)
    else if (tag === 74) message['arrayValue'] = reader.message(readArrayValue)
    else if (tag === 82) message['timestampValue'] = reader.message(readTimestamp)
    else if (tag === 88) message['nullValue'] = reader.enum(NULL_VALUE_NAMES)
    else if (tag === 112) message['meaning'] = reader.int32()
    else if (tag === 138) message['stringValue'] = reader.string()
    else if (tag === 146) message['blobValue'] = reader.bytes()
    else if (tag === 152) message['excludeFromIndexes'] = reader.bool()
    else reader.skip(tag)
  }
  return message
}

function readLatLng(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 9) message['latitude'] = reader.double()
    else if (tag === 17) message['longitude'] = reader.double()
    else reader.skip(tag)
  }
  return message
}

function readArrayValue(reader: Reader, end: number): Message {
  const values: unknown[] = []
  const message: Message = { values }
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 10) values.push(reader.message(readValue))
    else reader.skip(tag)
  }
  return message
}

function readTimestamp(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 8) message['seconds'] = reader.int64()
    else if (tag === 16) message['nanos'] = reader.int32()
    else reader.skip(tag)
  }
  return message
}

function readCommitResponse(reader: Reader, end: number): Message {
  const mutationResults: unknown[] = []
  const message: Message = { mutationResults }
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 26) mutationResults.push(reader.message(readMutationResult))
    else if (tag === 32) message['indexUpdates'] = reader.int32()
    else if (tag === 66) message['commitTime'] = reader.message(readTimestamp)
    else reader.skip(tag)
  }
  return message
}

function readMutationResult(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 26) message['key'] = reader.message(readKey)
    else if (tag === 32) message['version'] = reader.int64()
    else if (tag === 40) message['conflictDetected'] = reader.bool()
    else if (tag === 50) message['updateTime'] = reader.message(readTimestamp)
    else if (tag === 58) message['createTime'] = reader.message(readTimestamp)
    else reader.skip(tag)
  }
  return message
}

function readRunQueryResponse(reader: Reader, end: number): Message {
  const message: Message = {}
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 10) message['batch'] = reader.message(readQueryResultBatch)
    else reader.skip(tag)
  }
  return message
}

function readQueryResultBatch(reader: Reader, end: number): Message {
  const entityResults: unknown[] = []
  const message: Message = { entityResults }
  while (reader.at < end) {
    const tag = reader.tag()
    if (tag === 8) message['entityResultType'] = reader.enum(ENTITY_RESULT_RESULT_TYPE_NAMES)
    else if (tag === 18) entityResults.push(reader.message(readEntityResult))
    else if (tag === 26) message['skippedCursor'] = reader.bytes()
    else if (tag === 34) message['endCursor'] = reader.bytes()
    else if (tag === 40)
      message['moreResults'] = reader.enum(QUERY_RESULT_BATCH_MORE_RESULTS_TYPE_NAMES)
    else if (tag === 48) message['skippedResults'] = reader.int32()
    else if (tag === 56) message['snapshotVersion'] = reader.int64()
    else if (tag === 66) message['readTime'] = reader.message(readTimestamp)
    else reader.skip(tag)
  }
  return message
}

export const decodeLookup: Decode = decoder(readLookupResponse)

export const decodeCommit: Decode = decoder(readCommitResponse)

export const decodeRunQuery: Decode = decoder(readRunQueryResponse)
