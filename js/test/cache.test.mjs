// Verified tokens that are kept: the same object, never a stale one; and how tokens cross into the core.
import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { newKey } from './support/key.mjs'

const { createVerifier } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)('datakit-token')
const now = 1790000000
const { publicKey, privateKey } = newKey()
const config = { issuer: 'i', audience: 'a', keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] }
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const issue = (claims = {}) => {
  const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })}.${encode({ iss: 'i', aud: 'a', iat: now, exp: now + 600, ...claims })}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}
const code = (attempt) => {
  try { return attempt() && 'ok' } catch (error) { return error.code }
}

test('a kept token is the same frozen object until its time is over', () => {
  const rule = { match: { sub: 'x' }, from: now + 100 }
  const verifier = createVerifier({ ...config, revocations: [rule], limits: { cached_tokens: 2 } })
  const token = issue({ sub: 'x' })
  const first = verifier.verifySync(token, { now })
  assert.equal(verifier.verifySync(token, { now: now + 99 }), first)
  assert.ok(Object.isFrozen(first) && Object.isFrozen(first.claims))
  assert.equal(code(() => verifier.verifySync(token, { now: now + 100 })), 'revoked')
  assert.equal(code(() => verifier.verifySync(`${token.slice(0, -4)}AAAA`, { now })), 'bad_signature')
  const other = issue({ sub: 'y' })
  assert.equal(verifier.verifySync(other, { now: now + 600 }), verifier.verifySync(other, { now: now + 629 }))
  assert.equal(code(() => verifier.verifySync(other, { now: now + 630 })), 'expired')
})

test('decisions about a kept token have the same frozen object', () => {
  const verifier = createVerifier({ ...config, rules: [{ match: {}, allow: 'anyone' }], limits: { cached_tokens: 2 } })
  const decide = (token) => verifier.decideSync({ method: 'GET', path: '/', headers: token ? { authorization: `Bearer ${token}` } : {} }, { now }).token
  const [one, other] = [issue({ sub: 'x' }), issue({ sub: 'y' })]
  const first = decide(one)
  assert.equal(decide(other).subject, 'y')
  assert.equal(decide(undefined), undefined)
  assert.equal(decide(one), first)
  assert.equal(verifier.verifySync(one, { now }), first)
  assert.equal(first.claims.sub, 'x')
})

test('claims are there for whoever looks, copies or prints, and are always the same', () => {
  const verifier = createVerifier(config)
  const token = verifier.verifySync(issue({ sub: 'x', deep: [{ a: 1 }] }), { now })
  // Another verdict takes the place of this one in the module.
  verifier.verifySync(issue({ sub: 'y' }), { now })
  const copy = { ...token }
  assert.equal(token.claims.sub, 'x')
  assert.equal(token.claims, token.claims)
  assert.equal(copy.claims, token.claims)
  assert.equal(JSON.parse(JSON.stringify(token)).claims.deep[0].a, 1)
  assert.throws(() => { token.claims.deep[0].a = 2 }, TypeError)
  assert.throws(() => { token.claims = {} }, TypeError)
})

test('more tokens than are kept: each gets its own claims', () => {
  const verifier = createVerifier({ ...config, limits: { cached_tokens: 3 } })
  const tokens = Array.from({ length: 10 }, (_, number) => issue({ sub: `user-${number}` }))
  for (let round = 0; round < 5; round++) {
    tokens.forEach((token, number) => assert.equal(verifier.verifySync(token, { now }).subject, `user-${number}`))
  }
})

test('without a cache every verdict is made anew', () => {
  const verifier = createVerifier(config)
  const token = issue()
  assert.notEqual(verifier.verifySync(token, { now }), verifier.verifySync(token, { now }))
})

test('a key that is used much gets a table, and the verdicts stay', () => {
  const verifier = createVerifier(config)
  for (let number = 0; number < 300; number++) {
    const token = issue({ number })
    assert.equal(verifier.verifySync(token, { now }).claims.number, number)
    const place = 40 + (number % (token.length - 42))
    const forged = token.slice(0, place) + (token[place] === 'A' ? 'B' : 'A') + token.slice(place + 1)
    assert.notEqual(code(() => verifier.verifySync(forged, { now })), 'ok')
  }
})

test('a token that does not fit is too long, also where only a part of a character does not fit', () => {
  const token = issue()
  const verifier = createVerifier({ ...config, limits: { token_bytes: token.length, cached_tokens: 4 } })
  assert.equal(code(() => verifier.verifySync(token, { now })), 'ok')
  // Only the good token would fit, and the rest is cut off by whoever copies.
  for (const more of ['A', '\u00e9', '\u20ac', '\u{1f600}', 'x'.repeat(1 << 20)]) {
    assert.equal(code(() => verifier.verifySync(token + more, { now })), 'too_large')
  }
  assert.equal(code(() => verifier.verifySync('\u20ac'.repeat(token.length / 3), { now })), 'malformed')
})

test('tokens arrive after the memory of the module has grown', () => {
  const verifier = createVerifier(config)
  const token = issue()
  const others = Array.from({ length: 300 }, () => createVerifier({ ...config, limits: { token_bytes: 65536 } }))
  assert.equal(code(() => verifier.verifySync(token, { now })), 'ok')
  assert.equal(code(() => others[299].verifySync(token, { now })), 'ok')
})
