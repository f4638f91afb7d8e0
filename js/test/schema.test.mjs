// The JSON Schema of the installed tarball against the reader of the core.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import Ajv2020 from 'ajv/dist/2020.js'
import { vectors } from './support/check.mjs'
import { environment, sample } from './support/sample.mjs'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const { createVerifier, ConfigurationError } = require('datakit-token')
const schema = JSON.parse(readFileSync(require.resolve('datakit-token/config.schema.json'), 'utf8'))
const valid = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false }).compile(schema)
const accepts = (config) => {
  try {
    createVerifier(config, { environment })
    return true
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error))
    return false
  }
}

test('every configuration of the shared vectors fits the schema', () => {
  const seen = new Set(vectors.map(({ config }) => JSON.stringify(config)))
  for (const text of seen) assert.ok(valid(JSON.parse(text)), `${JSON.stringify(valid.errors)} ${text}`)
  console.log(`${seen.size} configurations`)
})

/** What the schema says about every place: the names of each object's members. */
function members(node, found = new Set()) {
  if (Array.isArray(node)) node.forEach((one) => members(one, found))
  else if (typeof node === 'object' && node !== null) {
    for (const [name, value] of Object.entries(node)) {
      if (name === 'properties') Object.keys(value).forEach((member) => found.add(member))
      members(value, found)
    }
  }
  return found
}

function names(node, found = new Set()) {
  if (typeof node === 'object' && node !== null) {
    for (const [name, value] of Object.entries(node)) {
      if (!Array.isArray(node)) found.add(name)
      names(value, found)
    }
  }
  return found
}

test('the sample has every member of the schema', () => {
  const used = names(sample)
  // A bundle is inline or remote; the sample's is remote.
  assert.deepEqual([...members(schema)].filter((name) => !used.has(name)), [])
  assert.ok(valid(sample), JSON.stringify(valid.errors))
  assert.ok(accepts(sample))
})

/** Every way to spoil one place. */
function* mutations(node, path = []) {
  const at = (value) => ({ path, value })
  if (typeof node === 'object' && node !== null) {
    if (!Array.isArray(node)) yield { path: [...path, 'unknown-member'], value: 1 }
    for (const name of Object.keys(node)) {
      yield { path: [...path, name], remove: true }
      yield* mutations(node[name], [...path, name])
    }
  }
  for (const value of [null, 1, -1, 1.5, true, '', 'x', [], {}, ['x'], [1], { x: 1 }]) yield at(value)
}

function changed({ path, value, remove }) {
  if (path.length === 0) return value
  const copy = structuredClone(sample)
  const place = path.slice(0, -1).reduce((node, name) => node[name], copy)
  const last = path.at(-1)
  if (!remove) place[last] = value
  else if (Array.isArray(place)) place.splice(last, 1)
  else delete place[last]
  return copy
}

test('what the core accepts fits the schema, and what does not fit is refused by the core', () => {
  const counts = { both: 0, neither: 0, 'only the schema': 0 }
  const faults = []
  for (const mutation of mutations(sample)) {
    const config = changed(mutation)
    // The short form is JavaScript's own; the schema is about the document.
    if (typeof config !== 'object' || config === null || !('version' in config || 'providers' in config)) continue
    const [fits, taken] = [valid(config), accepts(config)]
    if (taken && !fits) faults.push(`/${mutation.path.join('/')}: ${JSON.stringify(mutation.value)}: ${JSON.stringify(valid.errors)}`)
    counts[taken && fits ? 'both' : fits ? 'only the schema' : 'neither']++
  }
  console.log(counts)
  assert.deepEqual(faults, [])
  assert.ok(counts.both > 50 && counts.neither > 1000)
  // What only the core knows: what names refer to, bounds, what excludes what.
  assert.ok(counts['only the schema'] < counts.neither / 2)
})
