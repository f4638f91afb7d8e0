// The shared vectors through the installed tarball, as a CommonJS and as an ES module.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { check, vectors } from './support/check.mjs'
import { observe } from './support/observe.mjs'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const load = (name) => import(pathToFileURL(require.resolve(name).replace(/\.cjs$/, '.mjs')))
const cjs = { plain: require('datakit-token'), sealed: require('datakit-token/sealed') }
const esm = { plain: await load('datakit-token'), sealed: await load('datakit-token/sealed') }
// What opens encrypted tokens judges all others as well.
const sealed = { plain: esm.sealed, sealed: esm.sealed }

for (const [system, modules] of Object.entries({ cjs, esm, sealed })) {
  test(`${vectors.length} vectors (${system})`, async () => {
    const faults = []
    for (const vector of vectors) {
      await observe(modules, vector)
        .then((observed) => check(vector, observed))
        .catch((error) => faults.push(`${vector.name}: ${error.message}`))
    }
    assert.ok(vectors.length >= 40)
    assert.equal(faults.length, 0, faults.join('\n'))
  })
}
