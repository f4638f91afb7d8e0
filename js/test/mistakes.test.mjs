// What the package says about the mistakes that are made most, and how it goes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import { issue, issuer, key, serve, set } from './support/issuer.mjs'

const project = process.env.DATAKIT_TOKEN_PACKAGE
const dist = join(project, 'node_modules/datakit-token/dist')
const { createVerifier, remoteKeySet, ConfigurationError } = await import(
  pathToFileURL(join(dist, 'index.mjs'))
)
const k1 = key('k1')
const config = { issuer, audience: 'api', keys: [k1.jwk] }

test('an uncaught error is a screen, not the module', () => {
  for (const [name, text] of [
    [
      'uncaught.mjs',
      "import { createVerifier } from 'datakit-token'\ncreateVerifier({ issuer: 'x' })\n",
    ],
    ['uncaught.cjs', "require('datakit-token').createVerifier({ issuer: 'x' })\n"],
  ]) {
    writeFileSync(join(project, name), text)
    const { status, stderr } = spawnSync(process.execPath, [name], {
      cwd: project,
      encoding: 'utf8',
    })
    assert.equal(status, 1)
    assert.match(stderr, /ConfigurationError: \/audience: required, but missing/)
    assert.ok(stderr.length < 4_000, `${name}: ${stderr.length} characters`)
  }
})

test('an import needs no TextDecoder: jsdom has none', () => {
  const { exports } = runInNewContext(
    `const module = { exports: {} }; (function (module, exports) { ${readFileSync(join(dist, 'index.cjs'), 'utf8')} })(module, module.exports); module`,
    { WebAssembly, URL, console },
  )
  assert.equal(new exports.TokenError('expired', 'x', 401, false).code, 'expired')
  assert.throws(() => exports.createVerifier(config), /TextEncoder|TextDecoder/)
})

test('what is given instead of keys is told what to write', () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  for (const [keys, hint] of [
    [pem, /found PEM.*createPublicKey/],
    ['https://id.example.com/jwks.json', /found a URL; `remoteKeySet\(url\)`/],
    [new URL('https://id.example.com/jwks.json'), /found a URL/],
    [k1.jwk, /found one key; `\[key\]`/],
    [publicKey, /found a KeyObject/],
    [[createPublicKey(pem)], /found a KeyObject/],
  ]) {
    assert.throws(
      () => createVerifier({ ...config, keys }),
      (error) =>
        error instanceof ConfigurationError &&
        error.pointer === '/keys' &&
        hint.test(error.problem),
      String(hint),
    )
  }
})

test('a CryptoKey is told what to write', async () => {
  const { publicKey } = await webcrypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
  assert.throws(
    () => createVerifier({ ...config, keys: [publicKey] }),
    /found a CryptoKey.*exportKey/,
  )
})

test('the short form lists its own names, and has no others', () => {
  for (const name of ['audiences', 'name', 'audiance', 'providers2', 'stale_for', 'version2']) {
    assert.throws(
      () => createVerifier({ ...config, [name]: ['x'] }),
      (error) => {
        assert.deepEqual([error.name, error.pointer], ['ConfigurationError', `/${name}`])
        assert.match(error.problem, /expected one of `issuer`, `audience`, `keys`,.*`rules`/)
        assert.ok(!error.problem.includes('`audiences`') && !error.problem.includes('`name`'))
        return true
      },
    )
  }
})

test('what JSON cannot say is a fault of the configuration', () => {
  const circular = { ...config, roles: {} }
  circular.roles.self = circular
  for (const wrong of [
    circular,
    { ...config, limits: { token_bytes: 1n } },
    { version: 1, providers: [{ name: 1n }] },
  ])
    assert.throws(() => createVerifier(wrong), ConfigurationError)
})

test('warnings of the core are there', () => {
  const rules = [
    { match: { path: { prefix: '/a' } }, allow: 'authenticated' },
    { match: { path: { prefix: '/a/b' } }, allow: 'authenticated' },
  ]
  const verifier = createVerifier({
    ...config,
    keys: [{ kty: 'RSA', kid: 'r', n: 'AQAB', e: 'AQAB' }, k1.jwk],
    rules,
  })
  assert.deepEqual(
    verifier.warnings.map(({ pointer }) => pointer),
    ['/keys/0', '/rules/1'],
  )
  assert.match(verifier.warnings[0].problem, /key skipped/)
  assert.ok(Object.isFrozen(verifier.warnings))
  assert.deepEqual(createVerifier({ ...config, rules: rules.slice(0, 1) }).warnings, [])
})

test('a 401 or 403 has its challenge and its status, whoever finds it', async () => {
  const verifier = createVerifier({
    ...config,
    responses: { realm: 'gateway', status: { missing_token: 407, permission_denied: 404 } },
  })
  const missing = await verifier.safeVerify(undefined)
  assert.deepEqual(
    [missing.error.code, missing.error.status, missing.error.wwwAuthenticate],
    ['missing_token', 407, undefined],
  )
  const plain = createVerifier({ ...config, responses: { realm: 'gateway' } })
  const challenge = async (action) => {
    try {
      await action()
    } catch ({ code, status, wwwAuthenticate, claim }) {
      return [code, status, wwwAuthenticate, claim]
    }
  }
  // RFC 6750 section 3.1: no error code where there is no token.
  assert.deepEqual(await challenge(() => plain.verify(undefined)), [
    'missing_token',
    401,
    'Bearer realm="gateway"',
    undefined,
  ])
  assert.deepEqual(await challenge(() => plain.verifySync(null)), [
    'missing_token',
    401,
    'Bearer realm="gateway"',
    undefined,
  ])
  assert.deepEqual((await challenge(() => plain.verify(1))).slice(0, 2), ['malformed', 401])
  const token = await plain.verify(issue(k1, { tenant: 't1' }))
  assert.deepEqual(await challenge(() => token.authorize('a.b')), [
    'permission_denied',
    403,
    'Bearer realm="gateway", error="insufficient_scope", error_description="the token does not grant this"',
    undefined,
  ])
  assert.deepEqual(await challenge(() => token.authorize('a.b', { tenant: 't2' })), [
    'binding_mismatch',
    403,
    'Bearer realm="gateway", error="insufficient_scope", error_description="the token does not match the request"',
    'tenant',
  ])
  assert.deepEqual(
    (await challenge(async () => (await verifier.verify(issue(k1))).authorize('a.b'))).slice(0, 2),
    ['permission_denied', 404],
  )
})

test('hints are in the message, and nothing of the token', async () => {
  const verifier = createVerifier(config)
  const good = issue(k1)
  for (const [token, code, hint] of [
    [`Bearer ${good}`, 'malformed', /begins with `Bearer `/],
    [`"${good}"`, 'malformed', /quotes/],
    [`${good}\n`, 'malformed', /line break/],
  ]) {
    const { error } = await verifier.safeVerify(token)
    assert.equal(error.code, code)
    assert.match(error.message, hint)
    assert.ok(!error.message.includes(good.slice(0, 10)))
  }
  const decision = await verifier.decide({
    method: 'GET',
    path: '/',
    headers: { authorization: `Bearer ${good.replaceAll('.', '%2E')}` },
  })
  assert.deepEqual([decision.reason, decision.claim], ['malformed', undefined])
  assert.match(decision.message, /percent-escapes/)
  const late = await verifier.safeVerify(issue(k1, { exp: 1 }))
  assert.equal(late.error.claim, 'exp')
})

test('a fetch that failed says why, and the refusal knows', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const closed = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => closed.once('listening', resolve))
  const { port } = closed.address()
  await new Promise((resolve) => closed.close(resolve))
  const page = serve('<html>', 'text/html')
  for (const [url, code, text] of [
    [`http://127.0.0.1:${port}/set?key=secret`, 'unreachable', /the connection was refused/],
    [`http://127.0.0.1:${silent.address().port}/set?key=secret`, 'unreachable', /no answer in 1 s/],
    ['https://no-such-host.invalid/set?key=secret', 'unreachable', /the host has no address/],
    [page.url, 'bad_content_type', /expected `application\/json`/],
  ]) {
    const faults = []
    const verifier = createVerifier({
      ...config,
      keys: remoteKeySet(url, { timeout: '1s', onFault: (fault) => faults.push(fault) }),
    })
    const { error } = await verifier.safeVerify(issue(k1))
    assert.equal(error.code, 'keys_unavailable')
    assert.deepEqual(error.cause, faults[0])
    assert.deepEqual([faults.length, faults[0].code], [1, code])
    assert.match(faults[0].message, text)
    assert.ok(
      faults[0].message.startsWith(url.replace('?key=secret', '')) &&
        !faults[0].message.includes('secret'),
      faults[0].message,
    )
    assert.equal(faults[0].cause instanceof Error, code === 'unreachable')
    verifier.free()
  }
  silent.close()
})

test('a KV namespace is a store, and one that fails is told', async () => {
  const document = serve(set(k1))
  const kept = new Map()
  const faults = []
  const runtime = (store) => ({
    store,
    onFault: ({ code, message, cause }) => faults.push([code, message, cause?.message]),
  })
  const namespace = {
    get: async (name) => kept.get(name) ?? null,
    put: async (name, value) => void kept.set(name, value),
  }
  const verdict = async (store) =>
    (
      await createVerifier({
        ...config,
        keys: remoteKeySet(document.url, runtime(store)),
      }).safeVerify(issue(k1))
    ).ok
  assert.equal(await verdict(namespace), true)
  assert.deepEqual([kept.size, document.fetches], [1, 1])
  assert.equal(await verdict(namespace), true)
  assert.deepEqual([document.fetches, faults], [1, []])
  const broken = {
    get: async () => {
      throw new Error('no disk')
    },
    set: async () => {
      throw new Error('full')
    },
  }
  assert.equal(await verdict(broken), true)
  assert.deepEqual(faults, [
    ['store_failed', 'the store gives nothing', 'no disk'],
    ['store_failed', 'the store takes nothing', 'full'],
  ])
  assert.equal(await verdict({ get: async () => null }), true)
  assert.deepEqual(faults.at(-1).slice(0, 2), ['store_failed', 'the store takes nothing'])
})

test('a verifier can be freed, and says so afterwards', async () => {
  const document = serve(set(k1))
  const verifier = createVerifier({
    ...config,
    keys: remoteKeySet(document.url),
    roles: { ops: ['a.*'] },
  })
  const token = await verifier.verify(issue(k1, { roles: ['ops'], permissions: ['own'] }))
  assert.equal(token.can('a.b'), true)
  verifier[Symbol.dispose]()
  verifier.free()
  const freed = { name: 'Error', message: 'the verifier has been freed' }
  for (const action of [
    () => verifier.verifySync('x'),
    () => verifier.decideSync({ method: 'GET', path: '/', headers: {} }),
    () => verifier.sources,
    () => verifier.fresh,
    () => token.can('a.b'),
    () => token.authorize('a.b'),
  ])
    assert.throws(action, freed)
  for (const action of [
    () => verifier.verify('x'),
    () => verifier.safeVerify('x'),
    () => verifier.reload(),
    () => verifier.decide({ method: 'GET', path: '/', headers: {} }),
  ])
    await assert.rejects(action, freed)
  // What needs no core goes on.
  assert.deepEqual([token.can('own'), token.subject], [true, undefined])
  const waiting = createVerifier({ ...config, keys: remoteKeySet(document.url) })
  const asked = waiting.safeVerify(issue(k1))
  waiting.free()
  await assert.rejects(asked, freed)
})
