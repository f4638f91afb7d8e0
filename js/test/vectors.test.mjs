// The shared vectors through the installed tarball, as a CommonJS and as an ES module.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { check, vectors } from './support/check.mjs'
import { observe } from './support/observe.mjs'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const cjs = require('datakit-token')
const esm = await import(pathToFileURL(require.resolve('datakit-token').replace(/\.cjs$/, '.mjs')))

for (const [system, module] of Object.entries({ cjs, esm })) {
  test(`${vectors.length} vectors (${system})`, async () => {
    const faults = []
    for (const vector of vectors) {
      await observe(module, vector)
        .then((observed) => check(vector, observed))
        .catch((error) => faults.push(`${vector.name}: ${error.message}`))
    }
    assert.ok(vectors.length >= 40)
    assert.equal(faults.length, 0, faults.join('\n'))
  })
}
