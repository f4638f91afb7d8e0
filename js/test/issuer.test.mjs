// The issuer in JavaScript: the tokens of `crates/issuer`, byte for byte, that this verifier and those of other hands
// take.
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { issued } from './support/check.mjs'
import { serve } from './support/issuer.mjs'
import { commandIn, temporaryDirectory } from './support/rust_command.mjs'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const { createIssuer, createKeyRing, IssuerError } = require('datakit-token/issuer')
const { createVerifier } = require('datakit-token')
const NOW = 1_790_000_000
const options = { issuer: 'https://id.example.com', audience: 'api' }
const fresh = async (more) => createIssuer({ ...options, keys: await createKeyRing(), ...more })
const verifierOf = (issuer, more) =>
  createVerifier({ ...options, keys: issuer.keySet(), clock_skew: '0s', ...more })
const refusal =
  (code, pattern = /./) =>
  (error) =>
    error instanceof IssuerError && error.code === code && pattern.test(error.message)

test('the same bytes as the issuer in Rust, taken here, by jose and by oauth4webapi', async (context) => {
  const { keys, issuer, now, cases } = issued
  const { keySet } = await createIssuer({ issuer, audience: 'x', keys })
  const set = createLocalJWKSet(keySet())
  const { url } = serve(JSON.stringify(keySet()))
  for (const { audience, request, token } of cases) {
    const asked = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== null))
    const signed = await (await createIssuer({ issuer, audience, keys })).issue(asked, { now })
    assert.equal(signed.token, token)
    const time = request.notBefore ?? now
    assert.equal(signed.expiresAt, now + request.lifetime)
    const verifier = createVerifier({ issuer, audience: audience[0], keys: keySet() })
    const { claims } = await verifier.verify(token, { now: time })
    verifier.free()
    const settings = { issuer, audience: audience[0], currentDate: new Date(time * 1000) }
    const { payload } = await jwtVerify(token, set, settings)
    assert.deepEqual(claims, payload)
    assert.equal(claims.sub, request.subject ?? request.clientId)
  }
  // It has no other clock than that of the host, and so looks at tokens of now.
  for (const { audience, request } of cases.slice(0, 100)) {
    const { notBefore: _, subject, scope, ...asked } = request
    const own = await createIssuer({ issuer, audience, keys })
    const { token } = await own.issue({
      ...asked,
      lifetime: '1h',
      workspace: asked.workspace ?? undefined,
      subject: subject ?? undefined,
      scope: scope ?? undefined,
    })
    const web = new Request('http://127.0.0.1/', { headers: { authorization: `Bearer ${token}` } })
    const claims = await oauth.validateJwtAccessToken({ issuer, jwks_uri: url }, web, audience[0], {
      [oauth.allowInsecureRequests]: true,
      signingAlgorithms: ['EdDSA'],
    })
    assert.equal(claims.client_id, asked.clientId)
  }
  context.diagnostic(`${cases.length} tokens`)
  assert.equal(cases.length, 1000)
})

test('it takes the keys of the command, which signs on with what it gives back', async () => {
  const directory = temporaryDirectory()
  const command = commandIn(directory)
  command('keygen', '--out', 'keys')
  const file = join(directory, 'keys/keys.json')
  const keys = JSON.parse(readFileSync(file, 'utf8'))
  const issuer = await createIssuer({ ...options, keys })
  const flags = ['--client-id', 'web', '--permission', 'log.write', '--ttl', '10m']
  const words = ['--key', 'keys', '--issuer', options.issuer, '--audience', options.audience]
  const theirs = command('issue', ...words, ...flags, '--jti', 'j1', '--now', String(NOW))
  const request = { clientId: 'web', permissions: ['log.write'], lifetime: '10m', id: 'j1' }
  assert.equal((await issuer.issue(request, { now: NOW })).token, theirs)
  assert.deepEqual(issuer.keySet(), JSON.parse(readFileSync(join(directory, 'keys/jwks.json'))))
  // The next key signs ten minutes later; the first ends with its last token.
  await issuer.issue({ clientId: 'long', lifetime: '3d' }, { now: NOW })
  await issuer.rotate({ keyId: 'second' }, { now: NOW })
  writeFileSync(file, JSON.stringify(issuer.keyRing()))
  assert.match(command('status', 'keys', '--now', String(NOW)), /second/)
  const next = command('issue', ...words, ...flags, '--now', String(NOW + 600))
  const { keyId } = await verifierOf(issuer).verify(next, { now: NOW + 600 })
  assert.equal(keyId, 'second')
  assert.deepEqual(
    issuer.keySet().keys.map(({ exp }) => exp),
    [NOW + 3 * 86_400, undefined],
  )
})

test('a rotation: the new key signs after the lead, and the old one ends when all its tokens have', async () => {
  const issuer = await fresh()
  const first = issuer.keySet().keys[0].kid
  const request = { clientId: 'web', lifetime: '1h' }
  await issuer.rotate({ lead: '10m', securityPeriod: '1d' }, { now: NOW })
  assert.equal((await issuer.issue(request, { now: NOW + 599 })).keyId, first)
  assert.notEqual((await issuer.issue(request, { now: NOW + 600 })).keyId, first)
  const end = NOW + 600 + 86_400
  assert.equal(issuer.keySet().keys[0].exp, end)
  // What would outlive its key is refused, and leaves no trace.
  await assert.rejects(
    issuer.issue({ clientId: 'web', lifetime: '2d' }, { now: NOW }),
    refusal('outlives_key', new RegExp(`${end}`)),
  )
  await issuer.rotate({ lead: 0, securityPeriod: 0, endTokensEarly: true }, { now: NOW + 1200 })
  assert.equal(issuer.keySet().keys[1].exp, NOW + 1200)
  // Ended keys go at the next rotation.
  await issuer.rotate({}, { now: end })
  assert.equal(issuer.keySet().keys.length, 2)
  // A ring of today is one of tomorrow.
  const again = await createIssuer({
    ...options,
    keys: JSON.parse(JSON.stringify(issuer.keyRing())),
  })
  assert.deepEqual(again.keySet(), issuer.keySet())
})

test('what no verifier would take is not signed, and the message names the place', async () => {
  const issuer = await fresh()
  const good = { clientId: 'web', lifetime: 60 }
  const deep = (levels) => (levels === 0 ? 1 : [deep(levels - 1)])
  const verifier = verifierOf(issuer, { limits: { token_bytes: 8192 } })
  const pass = async (request) => {
    const { token } = await issuer.issue({ ...good, ...request }, { now: NOW })
    await verifier.verify(token, { now: NOW })
    return token
  }
  await pass({ claims: { deep: deep(31), 'a b': ['', {}, []], __proto__: undefined } })
  // As long as a token may be, and one byte more.
  const room = 8192 - (await pass({ claims: { a: '' } })).length
  const longest = await pass({ claims: { a: 'x'.repeat(Math.floor((room * 3) / 4)) } })
  assert.ok(longest.length > 8188 && longest.length <= 8192)
  for (const [request, code, pattern] of [
    [
      { claims: { a: 'x'.repeat(Math.floor((room * 3) / 4) + 2) } },
      'too_large',
      /819\d bytes.*8192/,
    ],
    [{ claims: { a: 'x'.repeat(1_000_000) } }, 'too_large', /8192/],
    [{ claims: { deep: deep(32) } }, 'invalid_argument', /32 levels/],
    [{ claims: { exp: 1 } }, 'invalid_argument', /claims\.exp/],
    [{ claims: { cnf: { jkt: 'x' } } }, 'invalid_argument', /claims\.cnf/],
    [{ claims: { a: { b: ['\ud800'] } } }, 'invalid_argument', /claims\.a\.b\[0\].*surrogate/],
    [{ claims: { '\udc00': 1 } }, 'invalid_argument', /surrogate/],
    [{ claims: { a: 1.5 } }, 'invalid_argument', /claims\.a: .*whole number/],
    [{ claims: { a: 2 ** 53 } }, 'invalid_argument', /claims\.a/],
    [{ claims: { a: null } }, 'invalid_argument', /claims\.a/],
    [{ claims: { a: undefined } }, 'invalid_argument', /claims\.a/],
    [{ claims: { a: 1n } }, 'invalid_argument', /claims\.a/],
    [{ subject: '' }, 'invalid_argument', /^subject/],
    [{ subject: 'a\u0085' }, 'invalid_argument', /^subject/],
    [{ workspace: '\ud800' }, 'invalid_argument', /^workspace/],
    [{ roles: 'admin' }, 'invalid_argument', /^roles: expected an array/],
    [{ roles: ['a', ''] }, 'invalid_argument', /^roles\[1\]/],
    [{ permission: ['a'] }, 'invalid_argument', /found permission/],
    [{ clientId: undefined }, 'invalid_argument', /^clientId/],
    [{ lifetime: 0 }, 'invalid_argument', /^lifetime/],
    [{ lifetime: '1w' }, 'invalid_argument', /^lifetime/],
    [{ lifetime: 1.5 }, 'invalid_argument', /^lifetime/],
    [{ lifetime: 253_402_300_799 }, 'invalid_argument', /^lifetime/],
    [{ notBefore: NOW + 60 }, 'invalid_argument', /^notBefore/],
  ])
    await assert.rejects(
      issuer.issue({ ...good, ...request }, { now: NOW }),
      refusal(code, pattern),
      JSON.stringify(request, (_, value) => (typeof value === 'bigint' ? 'bigint' : value))?.slice(
        0,
        80,
      ),
    )
  await assert.rejects(issuer.issue(good, { now: Date.now() * 1000 }), refusal('invalid_argument'))
  await assert.rejects(issuer.issue(good, { currentDate: 1 }), refusal('invalid_argument', /found/))
  await assert.rejects(fresh({ audience: [] }), refusal('invalid_argument', /^audience/))
  await assert.rejects(fresh({ audiences: 'a' }), refusal('invalid_argument', /found audiences/))
  await assert.rejects(issuer.rotate({ keyId: '' }), refusal('invalid_argument', /^keyId/))
  await assert.rejects(issuer.rotate({ keyId: 'é'.repeat(129) }), refusal('invalid_argument'))
  const { kid } = issuer.keySet().keys[0]
  await assert.rejects(issuer.rotate({ keyId: kid }), refusal('key_id_in_use'))
})

test('a key ring that is none is refused, and nothing of it is shown', async () => {
  const ring = await createKeyRing({ keyId: 'k1' })
  const other = await createKeyRing()
  const [{ jwk }] = ring.keys
  const changed = (members) => ({ ...ring, keys: [{ jwk: { ...jwk, ...members }, signs_from: 0 }] })
  for (const keys of [
    undefined,
    null,
    jwk,
    { keys: [jwk] },
    { ...ring, version: 2 },
    { ...ring, keys: [] },
    { ...ring, rules: {} },
    { ...ring, sequence: '1' },
    { ...ring, keys: [jwk] },
    { ...ring, keys: [{ jwk, signs_from: '0' }] },
    changed({ kid: '' }),
    changed({ kty: 'EC' }),
    changed({ d: `${jwk.d}=` }),
    changed({ d: 'A'.repeat(43) }),
    changed({ x: other.keys[0].jwk.x }),
    changed({ d: other.keys[0].jwk.d }),
  ])
    await assert.rejects(
      createIssuer({ ...options, keys }),
      (error) =>
        refusal('invalid_key_ring')(error) &&
        !`${error.stack}${JSON.stringify(error)}`.includes(jwk.d.slice(0, 10)),
      JSON.stringify(keys)?.slice(0, 60),
    )
  const revoked = { ...ring, rules: [{ header: { kid: 'leaked' } }] }
  const issuer = await createIssuer({ ...options, keys: revoked })
  await assert.rejects(issuer.rotate({ keyId: 'leaked' }), refusal('key_id_revoked'))
  const late = { ...ring, keys: [{ jwk, signs_from: NOW }] }
  await assert.rejects(
    (await createIssuer({ ...options, keys: late })).issue(
      { clientId: 'web', lifetime: 60 },
      { now: NOW - 1 },
    ),
    refusal('no_signer'),
  )
})

test('keys whose private half is published are refused, all that the core refuses', async () => {
  const source = readFileSync(
    new URL('../../crates/token/src/keys/published_keys.rs', import.meta.url),
    'utf8',
  )
  const prefixes = [...source.matchAll(/^ {4}\[((?:0x[\da-f]{2}(?:, )?){6})\],$/gm)].map(
    ([, bytes]) => Buffer.from(bytes.split(', ').map(Number)).toString('base64url'),
  )
  assert.equal(prefixes.length, 36)
  const ring = await createKeyRing()
  for (const prefix of prefixes) {
    const x = prefix + ring.keys[0].jwk.x.slice(8)
    const keys = { ...ring, keys: [{ jwk: { ...ring.keys[0].jwk, x }, signs_from: 0 }] }
    await assert.rejects(
      createIssuer({ ...options, keys }),
      refusal('invalid_key_ring', /of your own/),
    )
  }
  // RFC 8037 appendix A.1, whole.
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex')
  const jwk = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' })
  assert.equal(createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'jwk' }).x, jwk.x)
  const keys = { ...ring, keys: [{ jwk: { ...jwk, kid: 'k1' }, signs_from: 0 }] }
  await assert.rejects(
    createIssuer({ ...options, keys }),
    refusal('invalid_key_ring', /of your own/),
  )
})

test('what it hands out cannot be changed, and what it was given may be', async () => {
  const keys = structuredClone(await createKeyRing())
  const issuer = await createIssuer({ ...options, keys })
  keys.keys.length = 0
  const { token } = await issuer.issue({ clientId: 'web', lifetime: 60 })
  assert.equal((await verifierOf(issuer).verify(token)).subject, 'web')
  for (const value of [issuer, issuer.keySet().keys[0], issuer.keyRing().keys[0].jwk])
    assert.ok(Object.isFrozen(value))
})
