// What an application hangs in: its own list of revoked tokens, and its log.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { vectors } from './support/check.mjs'
import { issue, issuer, key, serve, set } from './support/issuer.mjs'

const { createVerifier, remoteKeySet, TokenError } = createRequire(
  `${process.env.DATAKIT_TOKEN_PACKAGE}/`,
)('datakit-token')
const k1 = key('k1')
const config = {
  issuer,
  audience: 'api',
  keys: [k1.jwk],
  rules: [
    { match: { path: { exact: '/open' } }, allow: 'anyone' },
    { name: 'everything else', match: {}, allow: 'authenticated' },
  ],
  responses: { cors: { origins: ['https://app.example.com'] }, format: 'problem+json' },
}
const request = (path, token) => ({
  method: 'GET',
  path,
  headers: {
    ...(token && { authorization: `Bearer ${token}` }),
    origin: 'https://app.example.com',
  },
})
const good = issue(k1, { sub: 'alice', jti: 'good' })
const gone = issue(k1, { sub: 'bob', jti: 'gone' })

test('isRevoked refuses what the application has taken back, as a rule would', async () => {
  const asked = []
  const isRevoked = async ({ claims }) => {
    asked.push(claims.jti)
    return claims.jti === 'gone'
  }
  const verifier = createVerifier(config, { isRevoked })
  const rules = createVerifier({
    ...config,
    revocations: [{ match: { jti: 'gone' } }],
  })
  assert.equal((await verifier.verify(good)).subject, 'alice')
  const outcome = (error) =>
    JSON.stringify([
      error.code,
      error.status,
      error.wwwAuthenticate,
      error.message,
      error.retryable,
    ])
  const [ours, theirs] = [await verifier.safeVerify(gone), await rules.safeVerify(gone)]
  assert.ok(ours.error instanceof TokenError)
  assert.equal(outcome(ours.error), outcome(theirs.error))
  await assert.rejects(verifier.verify(gone), { code: 'revoked', status: 401 })
  assert.deepEqual(
    await verifier.decide(request('/x', gone)),
    await rules.decide(request('/x', gone)),
  )
  assert.equal((await verifier.decide(request('/x', good))).token.subject, 'alice')
  // Nobody is asked about what is refused anyway, or about no token.
  asked.length = 0
  await verifier.safeVerify(issue(key('other')))
  await verifier.safeVerify(undefined)
  assert.equal((await verifier.decide(request('/open'))).verdict, 'allow')
  assert.deepEqual(asked, [])
})

test('isRevoked in observe: the request goes on without what clients may not set', async () => {
  const verifier = createVerifier({ ...config, mode: 'observe' }, { isRevoked: () => true })
  const decision = await verifier.decide(request('/x', good))
  assert.deepEqual([decision.verdict, decision.reason], ['observe', 'revoked'])
  assert.ok(decision.upstream.headers.some(([name]) => name === 'origin'))
})

test('a question that fails, or has no answer, refuses', async () => {
  const failure = new Error('database')
  for (const isRevoked of [
    () => {
      throw failure
    },
    () => Promise.reject(failure),
    () => undefined,
    () => null,
    () => 0,
    () => '',
    async () => {},
  ]) {
    const verifier = createVerifier(config, { isRevoked })
    const { ok, error } = await verifier.safeVerify(good)
    assert.deepEqual([ok, error.code, error.status], [false, 'keys_unavailable', 503])
    assert.ok(error.cause === failure || error.cause instanceof TypeError)
    const decision = await verifier.decide(request('/x', good))
    assert.deepEqual([decision.verdict, decision.status], ['deny', 503])
  }
})

test('with isRevoked nothing is decided without it', () => {
  const verifier = createVerifier(config, { isRevoked: () => false })
  assert.throws(() => verifier.verifySync(good), TypeError)
  assert.throws(() => verifier.decideSync(request('/x', good)), TypeError)
  for (const option of ['isRevoked', 'log'])
    assert.throws(() => createVerifier(config, { [option]: true }), /to be a function/)
})

test('a verifier that is freed while isRevoked is asked refuses nothing and allows nothing', async () => {
  const verifier = createVerifier(config, {
    isRevoked: () => {
      verifier.free()
      return true
    },
  })
  await assert.rejects(verifier.verify(good), /freed/)
})

test('the log has a line for each verdict, and nothing of a token', async () => {
  const lines = []
  const verifier = createVerifier(config, { log: (line) => lines.push(line) })
  await verifier.verify(good)
  verifier.verifySync(good)
  await verifier.safeVerify(issue(k1, { aud: 'other' }))
  await verifier.decide(request('/x', good))
  await verifier.decide(request('/open'))
  verifier.decideSync(request('/x'))
  const allowed = { verdict: 'allow', reason: 'ok', claim: undefined, message: undefined }
  const rule = { pointer: '/rules/1', name: 'everything else' }
  const open = { pointer: '/rules/0', name: undefined }
  const alice = { issuer, subject: 'alice', keyId: 'k1' }
  const nobody = { issuer: undefined, subject: undefined, keyId: undefined }
  const refused = ({ message, ...rest }) => {
    assert.ok(message.length > 5)
    return rest
  }
  assert.deepEqual(
    [...lines.slice(0, 2), refused(lines[2]), ...lines.slice(3, 5), refused(lines[5])].map(
      (line) => ({
        ...line,
      }),
    ),
    [
      { event: 'verify', ...allowed, rule: undefined, ...alice },
      { event: 'verify', ...allowed, rule: undefined, ...alice },
      {
        event: 'verify',
        verdict: 'deny',
        reason: 'audience_mismatch',
        claim: 'aud',
        rule: undefined,
        ...nobody,
      },
      { event: 'decide', ...allowed, rule, ...alice },
      { event: 'decide', ...allowed, rule: open, ...nobody },
      {
        event: 'decide',
        verdict: 'deny',
        reason: 'missing_token',
        claim: undefined,
        rule,
        ...nobody,
      },
    ],
  )
})

test('ruleOf says which rule is for a request, those of presets without a place', () => {
  const { ruleOf } = createVerifier({ ...config, presets: ['datakit'] })
  const get = (path) => ({ method: 'GET', path, headers: {} })
  assert.deepEqual(ruleOf(get('/open')), { pointer: '/rules/0', name: undefined })
  assert.deepEqual(ruleOf(get('/x')), { pointer: '/rules/1', name: 'everything else' })
  const preset = createVerifier({ ...config, rules: [], presets: ['datakit'] })
  assert.deepEqual(preset.ruleOf(get('/v1/ping')), { pointer: undefined, name: undefined })
  assert.equal(preset.ruleOf(get('/nowhere')), undefined)
  assert.equal(preset.ruleOf(get('/a/%2e%2e/b')), undefined)
})

test('no line of the log has a part of a token, whatever the vector', (context) => {
  let count = 0
  const log = (line) => {
    lines.push(JSON.stringify(line))
    count++
  }
  let lines
  for (const { config, environment, token, now } of vectors) {
    if (typeof token !== 'string' || token.length < 40) continue
    if (config.providers.some(({ encryption }) => encryption)) continue
    lines = []
    const verifier = createVerifier(config, { environment, log })
    try {
      verifier.verifySync(token, { now })
    } catch {}
    verifier.free()
    const signature = token.split('.').at(-1)
    assert.equal(lines.length, 1)
    for (const secret of [token, signature].filter((text) => text.length > 20))
      assert.ok(!lines[0].includes(secret))
  }
  context.diagnostic(`${count} lines`)
  assert.ok(count > 500)
})

test('faults of a source are lines as well, and a log that throws decides nothing', async () => {
  const lines = []
  const document = serve('no key set')
  const broken = createVerifier(
    { ...config, keys: remoteKeySet(document.url) },
    {
      log: (line) => {
        lines.push(line)
        throw new Error('a full disk')
      },
    },
  )
  assert.equal((await broken.safeVerify(good)).error.code, 'keys_unavailable')
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['fault', 'verify'],
  )
  assert.equal(lines[0].fault.code, 'malformed')
  document.body = set(k1)
  const fixed = createVerifier(config, {
    log: () => {
      throw new Error('a full disk')
    },
  })
  assert.equal((await fixed.verify(good)).subject, 'alice')
})
