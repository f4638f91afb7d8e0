// The public API of the installed tarball.
import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { newKey } from './support/key.mjs'

const project = process.env.DATAKIT_TOKEN_PACKAGE
const cjs = createRequire(`${project}/`)('datakit-token')
const dist = join(project, 'node_modules/datakit-token/dist')
const esm = await import(pathToFileURL(join(dist, 'index.mjs')))

const now = 1790000000
const { publicKey, privateKey } = newKey()
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1' }
const short = { issuer: 'https://id.example.com', audience: 'api', keys: [jwk] }
const encode = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const issue = (claims = {}, text) => {
  const payload = text ?? {
    iss: short.issuer,
    aud: 'api',
    exp: now + 600,
    sub: 'alice',
    permissions: ['a.b'],
    ...claims,
  }
  const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })}.${encode(payload)}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}

for (const [name, { createVerifier, TokenError, ConfigurationError }] of Object.entries({
  cjs,
  esm,
})) {
  test(`${name}: verify, verifySync, safeVerify`, async () => {
    const verifier = createVerifier(short)
    for (const token of [
      await verifier.verify(issue(), { now }),
      verifier.verifySync(issue(), { now }),
    ]) {
      assert.equal(token.subject, 'alice')
      assert.equal(token.claims.sub, 'alice')
      assert.equal(token.expiresAt, now + 600)
      assert.equal(token.keyId, 'k1')
      assert.ok(token.can('a.b') && !token.can('a') && !token.can('toString'))
    }
    assert.deepEqual((await verifier.safeVerify(issue(), { now })).ok, true)
  })

  test(`${name}: a refusal is a TokenError without the token`, async () => {
    const verifier = createVerifier(short)
    const token = issue({ exp: now - 600 })
    await assert.rejects(verifier.verify(token, { now }), (error) => {
      assert.ok(error instanceof TokenError && error instanceof Error)
      assert.deepEqual(
        [error.name, error.code, error.status, error.retryable],
        ['TokenError', 'expired', 401, false],
      )
      assert.match(error.wwwAuthenticate, /^Bearer realm="datakit", error="invalid_token"/)
      assert.ok(!JSON.stringify([error.message, error.stack, error]).includes(token.slice(0, 20)))
      return true
    })
  })

  test(`${name}: what is no token`, async () => {
    const verifier = createVerifier(short)
    for (const [token, code] of [
      [undefined, 'missing_token'],
      [null, 'missing_token'],
      ['', 'malformed'],
      [1, 'malformed'],
      [{}, 'malformed'],
      ['\ud800', 'malformed'],
    ]) {
      assert.equal((await verifier.safeVerify(token, { now })).error.code, code)
    }
  })

  test(`${name}: the clock is the host's, and never nonsense`, async () => {
    const verifier = createVerifier(short)
    const current = Math.floor(Date.now() / 1000)
    assert.equal((await verifier.safeVerify(issue({ exp: current + 60 }))).ok, true)
    for (const bad of [
      Number.NaN,
      Infinity,
      -1,
      0,
      null,
      '1790000000',
      now * 1000,
      new Date(now * 1000),
    ]) {
      await assert.rejects(verifier.safeVerify(issue(), { now: bad }), {
        name: 'TypeError',
        message: /seconds since 1970/,
      })
      assert.throws(() => verifier.verifySync(issue(), { now: bad }), TypeError)
      assert.throws(
        () => verifier.decideSync({ method: 'GET', path: '/', headers: {} }, { now: bad }),
        TypeError,
      )
    }
    // The names that other libraries have for it.
    for (const bad of [{ currentDate: new Date() }, { clockTimestamp: now }, now, new Date()])
      assert.throws(() => verifier.verifySync(issue(), bad), {
        name: 'TypeError',
        message: /options with `now`/,
      })
  })

  test(`${name}: a fault of the configuration names the place that the caller wrote`, () => {
    for (const [config, pointer] of [
      [{ ...short, isuer: 'x' }, '/isuer'],
      [{ ...short, audience: [] }, '/audience'],
      [{ issuer: 'x', audience: 'y' }, '/keys'],
      [{ ...short, keys: [{ ...jwk, x: 'AQ' }] }, '/keys/0/x'],
      [{ ...short, keys: { keys: [{ ...jwk, d: 'secret' }] } }, '/keys/keys/0/d'],
      [
        { ...short, rules: [{ match: { path: { prefx: '/' } }, require: { permission: 'a' } }] },
        '/rules/0/match/path/prefx',
      ],
      [{ version: 1, providers: [{ name: 'a', isuer: 'x' }] }, '/providers/0/isuer'],
      [undefined, ''],
    ]) {
      assert.throws(
        () => createVerifier(config),
        (error) => {
          assert.ok(error instanceof ConfigurationError)
          assert.equal(error.pointer, pointer)
          assert.ok(!error.message.includes('secret'))
          return true
        },
      )
    }
  })

  test(`${name}: numbers are exact, claims are plain and frozen`, async () => {
    const text = `{"iss":"${short.issuer}","aud":"api","exp":${now + 600},"n":9007199254740993,"deep":[{"a/b~":-9007199254740993}],"huge":1e400,"f":1.5e3,"__proto__":{"roles":["admin"]}}`
    const { claims, roles } = await createVerifier(short).verify(issue({}, text), { now })
    assert.equal(claims.n, 9007199254740993n)
    assert.equal(claims.deep[0]['a/b~'], -9007199254740993n)
    assert.equal(typeof claims.huge, 'string')
    assert.equal(claims.f, 1500)
    assert.deepEqual(roles, [])
    assert.equal(claims.roles, undefined)
    assert.ok(Object.hasOwn(claims, '__proto__'))
    assert.throws(() => {
      claims.deep[0].x = 1
    }, TypeError)
  })

  test(`${name}: decide takes a fetch Request and parts, and never throws`, () => {
    const verifier = createVerifier({
      ...short,
      rules: [{ match: { path: { prefix: '/a' } }, require: { permission: 'a.b' } }],
    })
    const headers = {
      authorization: `Bearer ${issue()}`,
      'x-other': ['1', '2'],
      'x-none': undefined,
    }
    const whole = new Request('https://gateway.example/a?x=%2F&&', {
      headers: { authorization: `Bearer ${issue()}` },
    })
    const decision = verifier.decideSync(whole, { now })
    assert.equal(decision.verdict, 'allow')
    assert.equal(decision.upstream.path, '/a?x=%2F&&')
    assert.equal(
      verifier.decideSync({ method: 'GET', path: '/a', headers }, { now }).verdict,
      'allow',
    )
    assert.equal(
      verifier.decideSync({ method: 'GET', path: '/b', headers }, { now }).reason,
      'no_rule',
    )
    for (const hostile of [
      {},
      undefined,
      { method: 'GET', path: '/a', headers: [['x', '\u{1F600}\ud800']] },
      { method: 'GET', url: 'nonsense', headers: [] },
    ]) {
      const refused = verifier.decideSync(hostile, { now })
      assert.equal(refused.verdict, 'deny')
      assert.equal(refused.response.status, refused.status)
    }
  })
}

for (const [name, { createVerifier, TokenError }] of Object.entries({ cjs, esm })) {
  test(`${name}: can and authorize look at permissions, roles and the user's information`, () => {
    const verifier = createVerifier({
      ...short,
      roles: { general: ['log.*', 'a.one'], owner: ['*'] },
    })
    const token = verifier.verifySync(
      issue({ roles: ['general'], workspace: 'w1', tenants: ['t1', 't2'], level: 3 }),
      { now },
    )
    for (const permission of ['a.b', 'log.Query', 'log.a.b', 'a.one'])
      assert.ok(token.can(permission), permission)
    for (const permission of [
      'log.',
      'log',
      'logs.x',
      'a.two',
      'LOG.Query',
      '*',
      '',
      'log.*x\n',
      undefined,
      null,
    ]) {
      assert.equal(token.can(permission), permission === 'log.*x\n', String(permission))
    }
    assert.ok(token.can('a.b', { workspace: 'w1', tenants: 't2', level: 3 }))
    for (const match of [
      { workspace: 'w2' },
      { workspace: undefined },
      { workspace: null },
      { tenants: 't3' },
      { level: '3' },
      { toString: 'x' },
      { absent: 'x' },
      { workspace: 'w1', level: 4 },
    ]) {
      assert.equal(token.can('a.b', match), false, JSON.stringify(match))
    }
    assert.equal(token.authorize('log.Query', { workspace: 'w1' }), undefined)
    const refused = (permission, match) => {
      try {
        token.authorize(permission, match)
      } catch (error) {
        return [error instanceof TokenError, error.code, error.status]
      }
      return undefined
    }
    assert.deepEqual(refused('x.y'), [true, 'permission_denied', 403])
    assert.deepEqual(refused('x.y', { workspace: 'w2' }), [true, 'binding_mismatch', 403])
    assert.ok(
      !verifier
        .verifySync(issue({ roles: ['nobody', '__proto__', 'toString'] }), { now })
        .can('log.Query'),
    )
    assert.ok(verifier.verifySync(issue({ roles: ['owner'] }), { now }).can('anything'))
  })

  test(`${name}: a rule may ask for no token, and the observe mode denies nothing`, () => {
    const rules = [
      { match: { path: { exact: '/open' } }, allow: 'anyone' },
      { match: { path: { prefix: '/a' } }, require: { permission: 'x' } },
    ]
    const ask = (verifier, path, headers = {}) =>
      verifier.decideSync({ method: 'GET', path, headers }, { now })
    const strict = createVerifier({ ...short, rules })
    const open = ask(strict, '/open')
    assert.deepEqual([open.verdict, open.token, open.upstream.path], ['allow', undefined, '/open'])
    assert.equal(ask(strict, '/open', { authorization: 'Bearer x' }).reason, 'malformed')
    const watching = createVerifier({ ...short, rules, mode: 'observe' })
    const observed = ask(watching, '/a', { authorization: `Bearer ${issue()}` })
    assert.deepEqual(
      [observed.verdict, observed.reason, observed.status, observed.upstream.path],
      ['observe', 'permission_denied', 403, '/a'],
    )
  })

  test(`${name}: secrets come from the environment that the caller names`, () => {
    const config = {
      ...short,
      swap: { secrets: { w1: { env: 'SECRET' } }, to: { header: 'df-api-key' } },
      rules: [{ match: {}, allow: 'authenticated' }],
    }
    assert.throws(
      () => createVerifier(config),
      (error) => error.pointer === '/swap/secrets/w1/env' && error.problem.includes('SECRET'),
    )
    const verifier = createVerifier(config, { environment: { SECRET: 'dfk_1', OTHER: undefined } })
    const headers = { authorization: `Bearer ${issue({ workspace: 'w1' })}`, 'df-api-key': 'mine' }
    const { upstream } = verifier.decideSync({ method: 'GET', path: '/', headers }, { now })
    assert.deepEqual(upstream.headers, [['df-api-key', 'dfk_1']])
  })

  test(`${name}: host, HTTPS and connection of a request`, () => {
    const rules = [
      { match: { hosts: ['gateway.example'], path: { exact: '/host' } }, allow: 'anyone' },
      { match: { path: { exact: '/near' } }, require: { client_address: ['10.0.0.0/8'] } },
    ]
    const verifier = createVerifier({ ...short, rules, transport: { require_https: 'tls' } })
    const ask = (request) =>
      verifier.decideSync(
        { method: 'GET', headers: { authorization: `Bearer ${issue()}` }, ...request },
        { now },
      )
    assert.equal(ask({ url: 'https://gateway.example/host' }).verdict, 'allow')
    assert.equal(
      verifier.decideSync(new Request('https://gateway.example/host'), { now }).verdict,
      'allow',
    )
    assert.equal(ask({ url: 'https://other.example/host' }).reason, 'no_rule')
    assert.equal(
      ask({
        url: 'https://gateway.example/host',
        headers: { host: 'other.example', authorization: `Bearer ${issue()}` },
      }).reason,
      'no_rule',
    )
    assert.equal(ask({ url: 'http://gateway.example/host' }).reason, 'insecure_transport')
    const connection = { tls_version: 'TLSv1.3', client_address: '10.1.2.3' }
    assert.equal(
      ask({
        path: '/near',
        headers: { host: 'gateway.example', authorization: `Bearer ${issue()}` },
        connection,
      }).verdict,
      'allow',
    )
    assert.equal(
      ask({ url: 'https://gateway.example/near', connection: { client_address: '11.0.0.1' } })
        .reason,
      'binding_mismatch',
    )
    assert.equal(ask({ url: 'https://gateway.example/near' }).reason, 'binding_mismatch')
  })
}

test('importing needs no initialisation and the module imports nothing of proxy-wasm', async () => {
  const module = new WebAssembly.Module(readFileSync(join(dist, 'core.wasm')))
  const imports = WebAssembly.Module.imports(module)
  assert.ok(
    imports.every(({ module }) => module !== 'env' && !module.startsWith('wasi')),
    JSON.stringify(imports),
  )
})

test('100,000 refusals take no more memory', () => {
  const verifier = esm.createVerifier(short)
  const token = `${issue()}x`
  for (let count = 0; count < 1000; count++)
    verifier.decideSync(
      { method: 'GET', path: '/a', headers: [['authorization', `Bearer ${token}`]] },
      { now },
    )
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external
  for (let count = 0; count < 100000; count++)
    verifier.decideSync(
      { method: 'GET', path: '/a', headers: [['authorization', `Bearer ${token}`]] },
      { now },
    )
  const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().external - before
  assert.ok(grown < 4 << 20, `${grown} bytes`)
})
