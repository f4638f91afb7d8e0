// Encrypted tokens, to and from `jose`; and what both of them refuse.
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CompactEncrypt,
  compactDecrypt,
  compactVerify,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
} from 'jose'
import { vectors } from './support/check.mjs'
import { issue, issuer, key } from './support/issuer.mjs'
import { newDecryptionKey } from './support/key.mjs'
import { commandIn, temporaryDirectory } from './support/rust_command.mjs'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const plain = require('datakit-token')
const { createVerifier } = require('datakit-token/sealed')
const [e1, e2] = [newDecryptionKey('e1'), newDecryptionKey('e2')]
const k1 = key('k1')
const config = {
  issuer,
  audience: 'api',
  keys: [k1.jwk],
  encryption: { keys: { inline: { keys: [e1.privateJwk, e2.privateJwk] } } },
}
const verifier = createVerifier(config)
const usual = { alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', kid: 'e1' }
const seal = async (token, header = usual, to = e1.publicJwk, parties = {}) => {
  const encrypt = new CompactEncrypt(Buffer.from(token)).setProtectedHeader(header)
  return encrypt.setKeyManagementParameters(parties).encrypt(await importJWK(to, header.alg))
}
const code = async (token, of = verifier) => {
  const result = await of.safeVerify(token)
  return result.ok ? 'ok' : result.error.code
}

test('500 random tokens sealed by jose open here', async () => {
  for (let number = 0; number < 500; number++) {
    const to = number % 2 ? e1 : e2
    const jti = randomBytes(randomInt(200)).toString('base64')
    const more = {
      kid: to.publicJwk.kid,
      ...(number % 3 ? {} : { iss: issuer, aud: 'api' }),
      ...(number % 5 ? {} : { typ: 'JWT', 'x-note': { deep: [number] } }),
    }
    const apu = number % 4 > 1 ? { apu: randomBytes(randomInt(1, 65)) } : {}
    const apv = number % 4 > 2 ? { apv: randomBytes(randomInt(1, 257)) } : {}
    const token = issue(k1, { jti: `j${jti}`, n: number })
    const sealed = await seal(token, { ...usual, ...more }, to.publicJwk, { ...apu, ...apv })
    const { claims } = await verifier.verify(sealed)
    assert.deepEqual([claims.jti, claims.n], [`j${jti}`, number])
  }
})

test('500 random tokens sealed by the command open in jose', async () => {
  const directory = temporaryDirectory()
  const command = commandIn(directory)
  command('keygen', '--encryption', '--out', 'keys')
  const signing = { ...k1.privateKey.export({ format: 'jwk' }), kid: 'k1' }
  writeFileSync(join(directory, 'k1.jwk'), JSON.stringify(signing), { mode: 0o600 })
  const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8')).keys[0]
  const [own, signer] = [read('keys/decryption-keys.json'), await importJWK(k1.jwk, 'EdDSA')]
  const opens = await importJWK(own, 'ECDH-ES')
  const here = createVerifier({
    ...config,
    encryption: { required: true, keys: { inline: { keys: [own] } } },
  })
  const seen = new Set()
  for (let number = 0; number < 500; number++) {
    const subject = `s${randomBytes(randomInt(300)).toString('base64url')}`
    const who = ['--issuer', issuer, '--audience', 'api', '--subject', subject]
    const to = ['--seal-for', 'keys/encryption-jwks.json']
    const sealed = command('issue', '--key', 'k1.jwk', ...who, ...to)
    const { plaintext, protectedHeader } = await compactDecrypt(sealed, opens)
    assert.deepEqual([protectedHeader.cty, protectedHeader.kid], ['JWT', own.kid])
    const { payload } = await compactVerify(plaintext, signer)
    assert.equal(JSON.parse(Buffer.from(payload)).sub, subject)
    assert.equal((await here.verify(sealed)).subject, subject)
    seen.add(protectedHeader.epk.x).add(sealed.split('.')[2])
  }
  // An ephemeral key and a vector of its own each time.
  assert.equal(seen.size, 1000)
})

test('what jose seals in another way is refused here', async () => {
  const token = issue(k1)
  const p256 = await generateKeyPair('ECDH-ES', { crv: 'P-256', extractable: true })
  const rsa = await generateKeyPair('RSA-OAEP-256', { extractable: true })
  const secret = { kty: 'oct', k: randomBytes(32).toString('base64url') }
  const rsaJwk = await exportJWK(rsa.publicKey)
  for (const [header, to, expected] of [
    [usual, e1.publicJwk, 'ok'],
    [{ ...usual, cty: 'application/jwt' }, e1.publicJwk, 'ok'],
    [usual, e2.publicJwk, 'decryption_failed'],
    [usual, newDecryptionKey('e1').publicJwk, 'decryption_failed'],
    [{ ...usual, kid: 'e9' }, e1.publicJwk, 'decryption_failed'],
    [{ ...usual, kid: undefined }, e1.publicJwk, 'decryption_failed'],
    [{ ...usual, cty: undefined }, e1.publicJwk, 'unsupported_type'],
    [{ ...usual, enc: 'A128GCM' }, e1.publicJwk, 'unsupported_algorithm'],
    [{ ...usual, enc: 'A256CBC-HS512' }, e1.publicJwk, 'unsupported_algorithm'],
    [{ ...usual, alg: 'ECDH-ES+A256KW' }, e1.publicJwk, 'unsupported_algorithm'],
    [{ ...usual, alg: 'dir' }, secret, 'unsupported_algorithm'],
    [{ ...usual, alg: 'A256KW' }, secret, 'unsupported_algorithm'],
    [{ ...usual, alg: 'RSA-OAEP-256' }, rsaJwk, 'unsupported_algorithm'],
    [usual, await exportJWK(p256.publicKey), 'malformed'],
    [{ ...usual, iss: 'https://other.example.com' }, e1.publicJwk, 'claim_invalid'],
  ])
    assert.equal(await code(await seal(token, header, to)), expected, JSON.stringify(header))
  assert.equal(await code(await seal(await seal(token))), 'malformed')
  assert.equal(await code(await seal(JSON.stringify({ iss: issuer, aud: 'api' }))), 'malformed')
})

/** What jose opens and we refuse, and why. */
const STRICTER = new Map([
  ['sealed-ciphertext-with-a-line-break', 'jose decodes what is not base64url'],
  ['sealed-tag-padded', 'the same'],
  ['sealed-cty-missing', 'whoever calls jose says what is inside'],
  ['sealed-cty-json', 'the same'],
  ['sealed-cty-a-number', 'the same'],
  ['sealed-cty-with-parameter', 'the same'],
  ['sealed-kid-unknown', 'whoever calls jose has chosen the key'],
  ['sealed-kid-of-another-key', 'the same'],
  ['sealed-kid-of-a-signing-key', 'the same'],
  ['sealed-order-cty-before-kid', 'the same'],
  ['sealed-kid-missing-with-two-keys', 'the same'],
  ['sealed-kid-empty', 'the same'],
  ['sealed-kid-a-number', 'the same'],
  ['sealed-kid-long', 'the same'],
  ['sealed-key-not-begun', 'jose knows no time of a key'],
  ['sealed-key-ended', 'the same'],
  ['sealed-member-twice', '`JSON.parse` takes the last one'],
  ['sealed-epk-not-canonical-of-large-order', 'OpenSSL reduces it, as RFC 7748 section 5 says'],
  ['sealed-epk-with-top-bit-9', 'the same'],
])

test('what is refused here for how it is sealed jose refuses too, but for what is listed', async (context) => {
  const reasons = [
    'critical_header',
    'decryption_failed',
    'unsupported_type',
    'unsupported_algorithm',
    'malformed',
  ]
  const counts = { both: 0, stricter: 0 }
  const stricter = []
  for (const { name, token, config, expect } of vectors) {
    const keys = config.providers.flatMap(({ encryption }) => encryption?.keys.inline?.keys ?? [])
    if (!name.startsWith('sealed-') || !keys.length || token?.split('.').length !== 5) continue
    const opened = []
    for (const jwk of keys) {
      const options = {
        keyManagementAlgorithms: ['ECDH-ES'],
        contentEncryptionAlgorithms: ['A256GCM'],
      }
      const own = await importJWK(jwk, 'ECDH-ES')
      opened.push(await compactDecrypt(token, own, options).catch(() => undefined))
    }
    const content = opened.find((one) => one)?.plaintext
    // What is wrong with the signed token inside is another matter.
    if (!reasons.includes(expect.reason)) {
      assert.ok(content, `${name}: jose does not open it`)
      continue
    }
    const inside = content && Buffer.from(content).toString()
    const isSigned = /^[\w-]+\.[\w-]+\.[\w-]+$/.test(inside ?? '')
    const isFine = isSigned && decodeProtectedHeader(inside).alg === 'EdDSA'
    if (!isFine || /-inside/.test(name)) counts.both++
    else {
      counts.stricter++
      stricter.push(name)
    }
  }
  context.diagnostic(JSON.stringify(counts))
  assert.deepEqual(stricter.sort(), [...STRICTER.keys()].sort())
  assert.ok(counts.both > 60)
})

test('the entry point that opens nothing says so', () => {
  assert.throws(() => plain.createVerifier(config), {
    name: 'ConfigurationError',
    pointer: '/encryption',
    message: /`datakit-token\/sealed` does/,
  })
})

test('no key in what a fault says', () => {
  const broken = { ...e1.privateJwk, x: e2.publicJwk.x }
  const keys = { inline: { keys: [broken] } }
  assert.throws(
    () => createVerifier({ ...config, encryption: { keys } }),
    (error) =>
      error.pointer === '/encryption/keys/inline/keys/0/x' &&
      !JSON.stringify([error.message, error.stack]).includes(broken.d),
  )
})

test('a kept token is the same one, and ends with its key', async () => {
  const now = Math.floor(Date.now() / 1000)
  const ending = { ...e1.privateJwk, exp: now + 10 }
  const encryption = { keys: { inline: { keys: [ending] } } }
  const keeps = createVerifier({ ...config, encryption, limits: { cached_tokens: 10 } })
  const sealed = await seal(issue(k1))
  assert.equal(keeps.verifySync(sealed, { now }), keeps.verifySync(sealed, { now: now + 9 }))
  assert.throws(() => keeps.verifySync(sealed, { now: now + 10 }), { code: 'decryption_failed' })
})
