// Generates the code that reads and writes the messages of Datastore, from Google's protos in @google-cloud/datastore.
// `--write` writes the files; otherwise the program fails when one is out of date. A test runs the same check.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'src/store/datastore/transport')
const require = createRequire(import.meta.url)
const ofDriver = createRequire(require.resolve('@google-cloud/datastore'))
const { protobuf } = ofDriver('google-gax')

/** The calls of the store. */
const CALLS = ['Lookup', 'Commit', 'RunQuery']

/** Parts of requests that the store never sends, and of answers that it never requests. */
const LEFT_OUT =
  /\.(FindNearest|GqlQuery|ExplainOptions|ExplainMetrics|PropertyTransform|PropertyMask|ReadOptions|ReadOnly)$/

/** Fields of answers to such requests: new transactions, parsed GQL, and results of transforms. */
const UNREAD = /\.(\w+Response\.(transaction|query)|MutationResult\.transformResults)$/

const SCALARS = ['string', 'bytes', 'bool', 'double', 'int32', 'int64']

const protos = protobuf.Root.fromJSON(
  ofDriver('@google-cloud/datastore/build/protos/protos.json'),
).resolveAll()

/** Functions by the name of their message, and enums by the name of their constant. */
const written = new Map()
const numbers = new Map()
const read = new Map()
const names = new Map()

for (const call of CALLS) {
  writeCode(protos.lookupType(`google.datastore.v1.${call}Request`))
  readCode(protos.lookupType(`google.datastore.v1.${call}Response`))
}
update('requests.ts', [
  "import { type Encode, encoder, type Message, type Writer } from './wire.ts'",
  ...numbers.values(),
  ...written.values(),
  ...CALLS.map((call) => `export const encode${call}: Encode = encoder(write${call}Request)`),
])
update('answers.ts', [
  "import { type Decode, decoder, type Message, type Reader } from './wire.ts'",
  ...names.values(),
  ...read.values(),
  ...CALLS.map((call) => `export const decode${call}: Decode = decoder(read${call}Response)`),
])

/**
 * @param {string} file
 * @param {string[]} parts
 */
function update(file, parts) {
  const target = join(folder, file)
  const head =
    '// Made by scripts/datastore-protos.mjs of the protos of google.datastore.v1. Do not edit.'
  const code = format(target, [head, ...parts].join('\n\n'))
  if (process.argv.includes('--write')) writeFileSync(target, code)
  else if (readFileSync(target, 'utf8') !== code) {
    console.error(`${file} does not match the protos: run "npm run protos"`)
    process.exitCode = 1
  }
}

/**
 * @param {any} type
 * @returns {any[]}
 */
function fieldsOf(type) {
  /** @type {any[]} */
  const fields = type.fieldsArray
  return fields
    .map((field) => field.resolve())
    .filter(({ resolvedType }) => !LEFT_OUT.test(resolvedType?.fullName ?? ''))
    .sort((a, b) => a.id - b.id)
}

/** @param {any} type */
function writeCode(type) {
  const name = nameOf(type)
  if (written.has(name)) return
  written.set(name, '')
  const lines = fieldsOf(type).map((field) => `  writer.${writeCall(field)}`)
  written.set(
    name,
    `function write${name}(writer: Writer, message: Message): void {\n${lines.join('\n')}\n}`,
  )
}

/** @param {any} field */
function writeCall(field) {
  const { name, repeated, map, resolvedType } = field
  const value = `${tagOf(field)}, message['${name}']`
  if (resolvedType instanceof protobuf.Type) {
    writeCode(resolvedType)
    const method = map ? 'map' : repeated ? 'messages' : 'message'
    return `${method}(${value}, write${nameOf(resolvedType)})`
  }
  const method = methodOf(field)
  if (resolvedType instanceof protobuf.Enum)
    return `${method}(${value}, ${numbersOf(resolvedType)})`
  return `${method}(${value})`
}

/** @param {any} type */
function readCode(type) {
  const name = nameOf(type)
  if (read.has(name)) return
  read.set(name, '')
  const fields = fieldsOf(type).filter(({ fullName }) => !UNREAD.test(fullName))
  const lists = fields.filter(({ repeated, map }) => repeated && !map)
  const maps = fields.filter(({ map }) => map)
  const branches = fields.map((field) => `if (tag === ${tagOf(field)}) ${readCall(field)}\nelse `)
  const start = [...lists, ...maps].map((field) => field.name)
  const parts = [
    ...lists.map((field) => `const ${field.name}: unknown[] = []`),
    ...maps.map((field) => `const ${field.name}: Message = {}`),
    `const message: Message = { ${start.join(', ')} }`,
  ]
  read.set(
    name,
    `function read${name}(reader: Reader, end: number): Message {
      ${parts.join('\n')}
      while (reader.at < end) {
        const tag = reader.tag()
        ${branches.join('')}reader.skip(tag)
      }
      return message
    }`,
  )
}

/** @param {any} field */
function readCall(field) {
  const { name, repeated, map, resolvedType } = field
  if (resolvedType instanceof protobuf.Type) readCode(resolvedType)
  if (map) return `reader.entry(${name}, read${nameOf(resolvedType)})`
  const value =
    resolvedType instanceof protobuf.Type
      ? `reader.message(read${nameOf(resolvedType)})`
      : resolvedType instanceof protobuf.Enum
        ? `reader.enum(${namesOf(resolvedType)})`
        : `reader.${methodOf(field)}()`
  return repeated ? `${name}.push(${value})` : `message['${name}'] = ${value}`
}

/** @param {any} field */
function methodOf(field) {
  const { type, resolvedType, fullName, repeated } = field
  // No call of the store has a list of scalars.
  if (repeated) throw new Error(`no code for ${fullName}`)
  if (resolvedType instanceof protobuf.Enum) return 'enum'
  if (!SCALARS.includes(type)) throw new Error(`no code for ${fullName}`)
  return type
}

/** @param {any} field */
function tagOf(field) {
  const { id, type, map, resolvedType } = field
  if (map || resolvedType instanceof protobuf.Type) return id * 8 + 2
  if (type === 'double') return id * 8 + 1
  return type === 'string' || type === 'bytes' ? id * 8 + 2 : id * 8
}

/** @param {any} type */
function numbersOf(type) {
  const name = `${constantOf(type)}_NUMBERS`
  const values = Object.entries(type.values).map(([key, value]) => `${key}: ${value}`)
  numbers.set(name, `const ${name}: Readonly<Record<string, number>> = { ${values.join(', ')} }`)
  return name
}

/** @param {any} type */
function namesOf(type) {
  const name = `${constantOf(type)}_NAMES`
  const values = Object.entries(type.valuesById).map(([key, value]) => `${key}: '${value}'`)
  names.set(name, `const ${name}: Readonly<Record<number, string>> = { ${values.join(', ')} }`)
  return name
}

/**
 * Returns the name of a type without its package: `Key.PathElement` becomes `KeyPathElement`.
 * @param {any} type
 */
function nameOf(type) {
  return type.fullName
    .replace(/^\.(?:google\.)(?:datastore\.v1|protobuf|type)\./, '')
    .replaceAll('.', '')
}

/** @param {any} type */
function constantOf(type) {
  return nameOf(type)
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase()
}

/**
 * @param {string} target
 * @param {string} text
 */
function format(target, text) {
  const biome = join(dirname(require.resolve('@biomejs/biome/package.json')), 'bin/biome')
  const args = [biome, 'format', `--stdin-file-path=${target}`]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    input: text,
    encoding: 'utf8',
    cwd: root,
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}
