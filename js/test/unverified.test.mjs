// What a token says, unverified, as the installed package shows it.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { vectors } from './support/check.mjs'
import { issue, key } from './support/issuer.mjs'

const { decodeUnverified, TokenError } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)(
  'datakit-token',
)
const k1 = key('k1')
const encode = (text) => Buffer.from(text).toString('base64url')
const nested = (levels) => `${'{"a":'.repeat(levels)}0${'}'.repeat(levels)}`
const outcome = (token, decode) => {
  try {
    return decode(token)
  } catch {
    return 'refused'
  }
}

test('it shows header and claims, frozen, under names that no verified token has', () => {
  const token = issue(k1, { sub: 'Zoë', deep: { list: [1] } })
  const { unverifiedHeader, unverifiedClaims, ...others } = decodeUnverified(token)
  assert.deepEqual(others, {})
  assert.deepEqual(unverifiedHeader, { alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })
  assert.deepEqual([unverifiedClaims.sub, unverifiedClaims.deep], ['Zoë', { list: [1] }])
  assert.ok(Object.isFrozen(unverifiedClaims.deep.list) && Object.isFrozen(unverifiedHeader))
  // A changed one as well: nothing is verified.
  const changed = token.replace(/\.[\w-]+$/, '.AAAA')
  assert.equal(decodeUnverified(changed).unverifiedClaims.sub, 'Zoë')
})

test('of an encrypted token there is the header alone', () => {
  const token = `${encode('{"alg":"ECDH-ES","kid":"e1"}')}..AAAA.AAAA.AAAA`
  assert.deepEqual(decodeUnverified(token), {
    unverifiedHeader: { alg: 'ECDH-ES', kid: 'e1' },
    unverifiedClaims: undefined,
  })
})

test('as many levels as a good token may have are shown', () => {
  const token = `${encode('{}')}.${encode(nested(32))}.x`
  assert.equal(JSON.stringify(decodeUnverified(token).unverifiedClaims), nested(32))
})

test('what is no token is a TokenError that shows nothing of it', () => {
  const header = encode('{"alg":"EdDSA"}')
  for (const token of [
    '',
    'secret',
    'a.b',
    `${header}.${encode('secret')}.x`,
    `${header}.${encode('["secret"]')}.x`,
    `${header}.${encode('null')}.x`,
    `${header}.${encode(Buffer.from([0x22, 0xff, 0x22]))}.x`,
    `${header}.${encode('{"a":1}')}=.x`,
    `${header}. .x`,
    `${header}..x`,
    `${header}.${encode('{}')}.x.y`,
    `${header}.${encode(nested(33))}.x`,
    `${header}.${encode(nested(5000))}.x`,
    undefined,
    null,
    7,
  ])
    assert.throws(
      () => decodeUnverified(token),
      (error) =>
        error instanceof TokenError &&
        error.code === 'malformed' &&
        !/secret/.test(JSON.stringify([error.message, error.stack, String(error.cause)])),
      String(token),
    )
})

test('jose shows the same of every shared vector that both show', (context) => {
  const counts = { both: 0, neither: 0, ours: 0, theirs: 0 }
  for (const { token } of vectors.filter(({ token }) => token?.split('.').length === 3)) {
    const ours = outcome(token, decodeUnverified)
    const theirs = outcome(token, (token) => [decodeProtectedHeader(token), decodeJwt(token)])
    const kind = [ours, theirs].map((shown) => shown !== 'refused')
    counts[kind[0] ? (kind[1] ? 'both' : 'ours') : kind[1] ? 'theirs' : 'neither']++
    if (kind[0] && kind[1]) assert.deepEqual([ours.unverifiedHeader, ours.unverifiedClaims], theirs)
  }
  context.diagnostic(JSON.stringify(counts))
  assert.ok(counts.both > 700)
})
