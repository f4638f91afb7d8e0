// Our verdict against jose's over mutated tokens: whatever jose refuses, we refuse; whatever only we refuse has a
// reason that is written down here.
import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { importJWK, jwtVerify } from 'jose'
import { newKey } from './support/key.mjs'

const { createVerifier } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)('datakit-token')
const now = 1790000000
const { publicKey, privateKey } = newKey()
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1' }
const verifier = createVerifier({
  issuer: 'https://id.example.com',
  audience: 'api',
  keys: [jwk],
  required_claims: ['sub'],
})
const key = await importJWK(jwk, 'EdDSA')
const options = {
  issuer: 'https://id.example.com',
  audience: 'api',
  algorithms: ['EdDSA', 'Ed25519'],
  typ: 'at+jwt',
  requiredClaims: ['exp', 'sub'],
  clockTolerance: 30,
  currentDate: new Date(now * 1000),
}

// What only we refuse, by reason: the rule that jose does not have.
const stricter = {
  malformed:
    'one spelling of base64url and JSON: no padding, white space, spare bits, duplicate members, lone surrogates; kid and typ are strings',
  claim_invalid:
    'claims have their type and range: sub, jti, roles, permissions, aud of strings only, dates up to the year 9999, exp after iat',
  unknown_key: 'a kid that is not in the set names no key; jose was given the key itself',
  not_yet_valid: 'iat in the future',
  critical_header: 'b64 without crit',
  unsupported_algorithm: 'zip in a JWS',
  unsupported_type: 'cty that announces a nested token',
  proof_of_possession_required: 'cnf without proof',
  too_large: 'over 8 KiB',
}

let state = 88172645463325252n
function below(bound) {
  state ^= (state << 13n) & 0xffffffffffffffffn
  state ^= state >> 7n
  state ^= (state << 17n) & 0xffffffffffffffffn
  return Number((state >> 33n) % BigInt(bound))
}
const pick = (list) => list[below(list.length)]
const encode = (text) => Buffer.from(text).toString('base64url')
const seal = (header, payload) => {
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}
const values = [
  'null',
  '""',
  '"a"',
  '[]',
  '{}',
  '1',
  '-1',
  '0',
  'true',
  '1e400',
  '"api"',
  '["api"]',
  '["api",1]',
  `${now}`,
  `${now + 31}`,
  `${now - 31}`,
  `${now}.5`,
  '253402300800',
  '"https://id.example.com"',
  '"\\ud800"',
  '"at+jwt"',
  '["exp"]',
  '"JWT"',
]
const members = [
  'iss',
  'aud',
  'exp',
  'nbf',
  'iat',
  'sub',
  'jti',
  'roles',
  'permissions',
  'scope',
  'cnf',
  'x',
  '\\u0065xp',
  '__proto__',
]
const headers = ['alg', 'typ', 'kid', 'crit', 'b64', 'zip', 'cty', 'jwk', 'x']

function mutate() {
  const header = { alg: '"EdDSA"', typ: '"at+jwt"', kid: '"k1"' }
  const payload = {
    iss: '"https://id.example.com"',
    aud: '"api"',
    exp: `${now + 600}`,
    iat: `${now - 60}`,
    sub: '"alice"',
  }
  const text = (object) =>
    `{${Object.entries(object)
      .map(([name, value]) => `"${name}":${value}`)
      .join(',')}}`
  const kind = below(8)
  if (kind === 0) payload[pick(members)] = pick(values)
  if (kind === 1) header[pick(headers)] = pick(values)
  if (kind === 2) delete payload[pick(Object.keys(payload))]
  if (kind === 3) delete header[pick(Object.keys(header))]
  if (kind === 4)
    return seal(text(header), `${text(payload).slice(0, -1)},"${pick(members)}":${pick(values)}}`)
  const token = seal(text(header), text(payload))
  const at = below(token.length)
  if (kind === 5)
    return (
      token.slice(0, at) +
      pick(['', '=', '.', ' ', '\n', 'A', '-', '+', '/', '\u00e9']) +
      token.slice(at)
    )
  if (kind === 6)
    return (
      token.slice(0, at) +
      pick([...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']) +
      token.slice(at + 1)
    )
  return token
}

test('20,000 mutated tokens: nothing that jose refuses passes, and what only we refuse is listed', async () => {
  const count = Number(process.env.DATAKIT_TOKEN_DIFFERENTIAL ?? 20000)
  const differences = {}
  let both = 0
  for (let number = 0; number < count; number++) {
    const token = mutate()
    const ours = verifier.verifySync.bind(verifier)
    let code = 'ok'
    try {
      ours(token, { now })
    } catch (error) {
      code = error.code
    }
    const theirs = await jwtVerify(token, key, options).then(
      () => true,
      () => false,
    )
    if (theirs === (code === 'ok')) both++
    else if (code === 'ok') assert.fail(`jose refuses what we accept: ${token}`)
    else {
      assert.ok(stricter[code], `${code} is not listed: ${token}`)
      differences[code] = (differences[code] ?? 0) + 1
    }
  }
  console.log(
    `jose: ${count} tokens, ${both} agreed, stricter on purpose ${JSON.stringify(differences)}`,
  )
  assert.ok(both > count / 2)
})
