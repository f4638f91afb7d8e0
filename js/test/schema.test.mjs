// The JSON Schema of the installed tarball against the reader of the core.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRequire } from 'node:module'
import { vectors } from './support/check.mjs'
import { mutations, places, uses } from './support/mutations.mjs'
import { environment, sample } from './support/sample.mjs'
import { fits, schema } from './support/schema.mjs'

const { createVerifier, ConfigurationError } = createRequire(
  `${process.env.DATAKIT_TOKEN_PACKAGE}/`,
)('datakit-token/sealed')
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
  for (const text of seen)
    assert.ok(fits(JSON.parse(text)), `${JSON.stringify(fits.errors)} ${text}`)
  console.log(`${seen.size} configurations`)
})

test('the sample has every member of every definition', () => {
  const used = new Set([...uses(schema, sample)].map(({ place }) => place))
  const all = places(schema)
  // A bundle is inline or remote; the inline one would need a signature, and is in the vectors.
  const missing = [...all].filter((place) => !used.has(place) && !place.includes(' = '))
  assert.deepEqual(missing, ['BundleConfig/inline'])
  for (const place of used) assert.ok(all.has(place), place)
  assert.ok(fits(sample), JSON.stringify(fits.errors))
  assert.ok(accepts(sample))
})

test('what the core accepts fits the schema, and what does not fit is refused by the core', () => {
  const counts = { both: 0, neither: 0, 'only the schema': 0 }
  const faults = []
  const used = new Set()
  for (const { path, value, config } of mutations(schema, sample)) {
    const [known, taken] = [fits(config), accepts(config)]
    if (taken && !known)
      faults.push(`/${path.join('/')}: ${JSON.stringify(value)}: ${JSON.stringify(fits.errors)}`)
    if (taken) for (const { place } of uses(schema, config)) used.add(place)
    counts[taken ? 'both' : known ? 'only the schema' : 'neither']++
  }
  console.log(counts)
  assert.deepEqual(faults, [])
  // Every name that the schema lists, in each of its places, is one that the core takes.
  assert.deepEqual(
    [...places(schema)].filter((place) => place.includes(' = ') && !used.has(place)),
    [],
  )
  assert.ok(counts.both > 250 && counts.neither > 2500)
  // What only the core knows: what names refer to, bounds, what excludes what.
  assert.ok(counts['only the schema'] < counts.neither / 8)
})
