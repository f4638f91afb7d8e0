// Verified tokens that are kept: the same object, never a stale one; and how tokens cross into the core.
import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { newKey } from './support/key.mjs'

const { createVerifier } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)('datakit-token')
const now = 1790000000
const { publicKey, privateKey } = newKey()
const config = {
  issuer: 'i',
  audience: 'a',
  keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }],
}
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const issue = (claims = {}) => {
  const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })}.${encode({ iss: 'i', aud: 'a', iat: now, exp: now + 600, ...claims })}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
/** Bytes of the JavaScript heap, without garbage. */
const heap = () => {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
const code = (attempt) => {
  try {
    return attempt() && 'ok'
  } catch (error) {
    return error.code
  }
}

test('a kept token is the same frozen object until its time is over', () => {
  const rule = { match: { sub: 'x' }, from: now + 100 }
  const verifier = createVerifier({ ...config, revocations: [rule], limits: { cached_tokens: 2 } })
  const token = issue({ sub: 'x' })
  const first = verifier.verifySync(token, { now })
  assert.equal(verifier.verifySync(token, { now: now + 99 }), first)
  assert.ok(Object.isFrozen(first) && Object.isFrozen(first.claims))
  assert.equal(
    code(() => verifier.verifySync(token, { now: now + 100 })),
    'revoked',
  )
  assert.equal(
    code(() => verifier.verifySync(`${token.slice(0, -4)}AAAA`, { now })),
    'bad_signature',
  )
  const other = issue({ sub: 'y' })
  assert.equal(
    verifier.verifySync(other, { now: now + 600 }),
    verifier.verifySync(other, { now: now + 629 }),
  )
  assert.equal(
    code(() => verifier.verifySync(other, { now: now + 630 })),
    'expired',
  )
})

test('decisions about a kept token have the same frozen object', () => {
  const verifier = createVerifier({
    ...config,
    rules: [{ match: {}, allow: 'anyone' }],
    limits: { cached_tokens: 2 },
  })
  const decide = (token) =>
    verifier.decideSync(
      { method: 'GET', path: '/', headers: token ? { authorization: `Bearer ${token}` } : {} },
      { now },
    ).token
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
  assert.throws(() => {
    token.claims.deep[0].a = 2
  }, TypeError)
  assert.throws(() => {
    token.claims = {}
  }, TypeError)
})

test('more tokens than are kept: each gets its own claims', () => {
  const verifier = createVerifier({ ...config, limits: { cached_tokens: 3 } })
  const tokens = Array.from({ length: 10 }, (_, number) => issue({ sub: `user-${number}` }))
  for (let round = 0; round < 5; round++) {
    for (const [number, token] of tokens.entries())
      assert.equal(verifier.verifySync(token, { now }).subject, `user-${number}`)
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
    const forged =
      token.slice(0, place) + (token[place] === 'A' ? 'B' : 'A') + token.slice(place + 1)
    assert.notEqual(
      code(() => verifier.verifySync(forged, { now })),
      'ok',
    )
  }
})

test('a token that does not fit is too long, also where only a part of a character does not fit', () => {
  const token = issue()
  const verifier = createVerifier({
    ...config,
    limits: { token_bytes: token.length, cached_tokens: 4 },
  })
  assert.equal(
    code(() => verifier.verifySync(token, { now })),
    'ok',
  )
  // Only the good token would fit, and the rest is cut off by whoever copies.
  for (const more of ['A', '\u00e9', '\u20ac', '\u{1f600}', 'x'.repeat(1 << 20)]) {
    assert.equal(
      code(() => verifier.verifySync(token + more, { now })),
      'too_large',
    )
  }
  assert.equal(
    code(() => verifier.verifySync('\u20ac'.repeat(token.length / 3), { now })),
    'malformed',
  )
})

test('tokens arrive after the memory of the module has grown', () => {
  const verifier = createVerifier(config)
  const token = issue()
  const others = Array.from({ length: 300 }, () =>
    createVerifier({ ...config, limits: { token_bytes: 65536 } }),
  )
  assert.equal(
    code(() => verifier.verifySync(token, { now })),
    'ok',
  )
  assert.equal(
    code(() => others[299].verifySync(token, { now })),
    'ok',
  )
})

test('what the core does not keep is not kept in JavaScript either: a long token, 40,000 times', () => {
  const verifier = createVerifier({
    ...config,
    rules: [{ match: {}, allow: 'authenticated' }],
    limits: { cached_tokens: 40_000 },
  })
  const token = issue({ filler: 'x'.repeat(5_880) })
  assert.equal(token.length, 8_073)
  const request = { method: 'GET', path: '/', headers: { authorization: `Bearer ${token}` } }
  for (let count = 0; count < 100; count++) verifier.verifySync(token, { now })
  const before = heap()
  for (let count = 0; count < 20_000; count++) verifier.verifySync(token, { now })
  for (let count = 0; count < 20_000; count++) verifier.decideSync(request, { now })
  const grown = heap() - before
  assert.ok(grown < 1 << 20, `${grown} bytes`)
  assert.equal(verifier.verifySync(token, { now }).claims.filler.length, 5_880)
})

test('tokens that the core forgets are forgotten in JavaScript: by their number, by their bytes, also for those that no rule lets pass', async () => {
  const filler = 'x'.repeat(2_500)
  const tokens = Array.from({ length: 1_600 }, (_, number) => issue({ number, filler }))
  const request = (token) => ({
    method: 'GET',
    path: '/',
    headers: { authorization: `Bearer ${token}` },
  })
  for (const [cached_tokens, least, most] of [
    [200, 200, 200],
    [40_000, 250, 320],
  ]) {
    const verifier = createVerifier({ ...config, limits: { cached_tokens } })
    const references = tokens
      .slice(0, 800)
      .map((token) => new WeakRef(verifier.verifySync(token, { now })))
    const alive = async () => {
      // What has been looked at lives until the turn ends.
      await new Promise((resolve) => setImmediate(resolve))
      collect()
      return references.filter((reference) => reference.deref()).length
    }
    const count = await alive()
    assert.ok(count >= least && count <= most, `${count} of ${cached_tokens}`)
    for (const token of tokens.slice(800))
      assert.equal(verifier.decideSync(request(token), { now }).reason, 'no_rule')
    assert.equal(await alive(), 0)
  }
})

test('limits that no memory holds are configuration errors, and other verifiers go on', () => {
  const good = createVerifier({ ...config, limits: { cached_tokens: 4 } })
  const token = issue({ sub: 'x' })
  const first = good.verifySync(token, { now })
  const long = {
    version: 1,
    providers: [
      { name: 'main', issuer: 'i', audiences: ['a'], keys: { inline: { keys: config.keys } } },
    ],
  }
  for (const base of [config, long]) {
    for (const [name, most] of [
      ['token_bytes', 1 << 20],
      ['parked_requests', 1 << 16],
      ['cached_tokens', 1 << 20],
      ['key_table_bytes', 1 << 28],
    ]) {
      for (const value of [most + 1, 1e9, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53]) {
        assert.throws(
          () => createVerifier({ ...base, limits: { [name]: value } }),
          (error) => {
            assert.deepEqual([error.name, error.pointer], ['ConfigurationError', `/limits/${name}`])
            assert.ok(error.problem.endsWith(` to ${most}`), error.problem)
            return true
          },
        )
      }
      const largest = createVerifier({ ...base, limits: { [name]: most } })
      assert.equal(largest.verifySync(token, { now }).subject, 'x')
    }
    const wide = createVerifier({ ...base, limits: { token_bytes: 1 << 20 } })
    assert.equal(
      code(() => wide.verifySync('x'.repeat(1 << 20), { now })),
      'malformed',
    )
    assert.equal(
      code(() => wide.verifySync('x'.repeat((1 << 20) + 1), { now })),
      'too_large',
    )
  }
  assert.equal(good.verifySync(token, { now }), first)
})
