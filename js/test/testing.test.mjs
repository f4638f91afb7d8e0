// What applications test with: every token is refused for the reason that it is made for, here and by jose.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const { createTesting } = require('datakit-token/testing')
const { createVerifier, TokenError } = require('datakit-token')

test('good tokens, and rules of the application', async () => {
  const rules = [{ match: { path: { prefix: '/admin' } }, require: { permission: 'admin' } }]
  const { verifier, issue, keys, issuer, audience } = await createTesting({ rules })
  const token = await issue({ subject: 'alice', permissions: ['admin'], claims: { tenant: 't1' } })
  const { subject, claims } = await verifier.verify(token)
  assert.deepEqual([subject, claims.tenant], ['alice', 't1'])
  const request = (token) => ({
    method: 'GET',
    path: '/admin/x',
    headers: { authorization: `Bearer ${token}` },
  })
  assert.equal((await verifier.decide(request(token))).verdict, 'allow')
  assert.equal((await verifier.decide(request(await issue()))).reason, 'permission_denied')
  // The verifier under test takes them as well, and so does jose; that of another test does not.
  const under = createVerifier({ issuer, audience, keys })
  assert.equal((await under.verify(token)).subject, 'alice')
  await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience })
  const other = await createTesting()
  assert.equal((await other.verifier.safeVerify(token)).error.code, 'unknown_key')
})

test('each reason has a token that is refused for it', async () => {
  const { verifier, issueRefused, reasons, keys, issuer, audience } = await createTesting()
  assert.ok(reasons.length >= 14)
  const set = createLocalJWKSet(keys)
  for (const reason of reasons) {
    const token = await issueRefused(reason, { subject: 'alice' })
    const { error } = await verifier.safeVerify(token)
    assert.ok(error instanceof TokenError)
    assert.equal(error.code, reason)
    // jose has no such length, and asks for no proof.
    if (['too_large', 'proof_of_possession_required'].includes(reason)) continue
    const settings = { issuer, audience, typ: 'at+jwt', requiredClaims: ['exp'] }
    await assert.rejects(jwtVerify(token, set, settings), undefined, reason)
  }
  assert.throws(() => issueRefused('no_rule'), /expected one of malformed/)
})
