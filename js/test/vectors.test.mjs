// The shared vectors through the installed tarball, as a CommonJS and as an ES module.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const cjs = require('datakit-token')
const esm = await import(pathToFileURL(require.resolve('datakit-token').replace(/\.cjs$/, '.mjs')))
const { vectors, environment } = JSON.parse(readFileSync(process.env.DATAKIT_TOKEN_VECTORS, 'utf8'))

async function check({ createVerifier }, vector) {
  const verifier = createVerifier(vector.config, { environment })
  const now = vector.now
  const decision = verifier.decideSync(vector.request, { now })
  assert.equal(decision.verdict === 'allow' ? 'ok' : decision.reason, vector.expect.reason)
  if (vector.expect.verdict === 'observe') assert.equal(decision.verdict, 'observe')
  const answer = vector.expect.response
  if (answer) {
    assert.equal(decision.response.status, answer.status)
    if (answer.body !== undefined) assert.equal(decision.response.body, answer.body)
    for (const [name, value] of Object.entries(answer.headers ?? {})) {
      assert.deepEqual(decision.response.headers.filter((header) => header[0] === name).map((header) => header[1]), value === null ? [] : [value], name)
    }
  }
  // A JavaScript string is no byte string: what is not ASCII crosses in requests only.
  if (vector.token !== undefined) {
    const outcome = await verifier.safeVerify(vector.token, { now })
    assert.equal(outcome.ok ? 'ok' : outcome.error.code, vector.expect.reason)
  }
  const upstream = vector.expect.upstream
  if (!upstream) return
  assert.equal(decision.upstream.path, upstream.path)
  for (const [name, value] of Object.entries(upstream.headers ?? {})) {
    const found = decision.upstream.headers.filter((header) => header[0].toLowerCase() === name).map((header) => header[1])
    assert.deepEqual(found, value === null ? [] : [value], name)
  }
}

for (const [system, module] of Object.entries({ cjs, esm })) {
  test(`${vectors.length} vectors (${system})`, async () => {
    const faults = []
    for (const vector of vectors) await check(module, vector).catch((error) => faults.push(`${vector.name}: ${error.message}`))
    assert.ok(vectors.length >= 40)
    assert.equal(faults.length, 0, faults.join('\n'))
  })
}
