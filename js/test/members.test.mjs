// What a caller gave and what nobody gave: members of classes count, what stands in `Object.prototype` does not. And
// nothing of the caller's runs between a token and its verdict.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { bundle, issue, issuer, key, seconds, serve, set } from './support/issuer.mjs'

const { createVerifier, remoteBundle, remoteKeySet } = createRequire(
  `${process.env.DATAKIT_TOKEN_PACKAGE}/`,
)('datakit-token')
const [k1, k2, root] = [key('k1'), key('k2'), key('root')]
const config = { issuer, audience: 'api', keys: [k1.jwk] }
const code = (attempt) => {
  try {
    return attempt() && 'ok'
  } catch (error) {
    return error.code ?? error.pointer ?? String(error)
  }
}

/** Runs with these members in `Object.prototype`, as after a careless merge of somebody's JSON. */
async function polluted(members, action) {
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(Object.prototype, name, {
      value,
      configurable: true,
      writable: true,
      enumerable: true,
    })
  try {
    return await action()
  } finally {
    for (const name of Object.keys(members)) delete Object.prototype[name]
  }
}

test('what stands in Object.prototype is no part of a request or of options', async () => {
  const rules = [
    { match: { path: { prefix: '/admin' } }, allow: 'authenticated' },
    { match: { path: { exact: '/near' } }, require: { client_address: ['10.0.0.0/8'] } },
    { match: {}, allow: 'anyone' },
  ]
  const verifier = createVerifier({ ...config, rules })
  const tls = createVerifier({ ...config, rules, transport: { require_https: 'tls' } })
  const good = { authorization: `Bearer ${issue(k1)}` }
  const expired = issue(k1, { iat: seconds() - 900, exp: seconds() - 300 })
  const cases = [
    [{ now: seconds() - 600 }, () => code(() => verifier.verifySync(expired, {})), 'expired'],
    [{ now: seconds() + 86400 }, () => code(() => verifier.verifySync(issue(k1), {})), 'ok'],
    [
      { now: seconds() - 600 },
      async () => (await verifier.safeVerify(expired, {})).error?.code,
      'expired',
    ],
    [
      { path: '/public' },
      () => verifier.decideSync({ method: 'GET', url: 'http://h/admin', headers: {} }).reason,
      'missing_token',
    ],
    [
      { path: '/public' },
      () => verifier.decideSync(new Request('http://h/admin')).reason,
      'missing_token',
    ],
    [
      { url: 'http://h/public' },
      () => verifier.decideSync({ method: 'GET', headers: {} }).reason,
      'invalid_request',
    ],
    [
      { url: 'https://h/' },
      () => tls.decideSync({ method: 'GET', path: '/', headers: {} }).reason,
      'insecure_transport',
    ],
    [
      { tls_version: 'x' },
      () => tls.decideSync({ method: 'GET', path: '/', headers: {} }).reason,
      'insecure_transport',
    ],
    [
      { connection: { tls_version: 'x' } },
      () => tls.decideSync({ method: 'GET', path: '/', headers: {} }).reason,
      'insecure_transport',
    ],
    [
      { connection: { client_address: '10.0.0.1' } },
      () => verifier.decideSync({ method: 'GET', path: '/near', headers: good }).reason,
      'binding_mismatch',
    ],
    [
      { client_address: '10.0.0.1' },
      () =>
        verifier.decideSync({ method: 'GET', path: '/near', headers: good, connection: {} }).reason,
      'binding_mismatch',
    ],
    [
      { headers: good },
      () => verifier.decideSync({ method: 'GET', path: '/admin' }).reason,
      'missing_token',
    ],
    [
      { authorization: good.authorization, host: 'x' },
      () => verifier.decideSync({ method: 'GET', path: '/admin', headers: {} }).reason,
      'missing_token',
    ],
    [
      {
        host: 'x',
        method: 'GET',
        secure: true,
        upstream: { path: '/', headers: [] },
        serial: 1,
        reason: 'x',
      },
      () => verifier.decideSync({ method: 'GET', path: '/admin', headers: {} }).verdict,
      'deny',
    ],
    [
      { href: 'http://h/public' },
      () => verifier.decideSync({ method: 'GET', url: {}, headers: {} }).reason,
      'invalid_request',
    ],
  ]
  const observed = []
  for (const [members, action] of cases)
    observed.push([Object.keys(members), await polluted(members, action)])
  assert.deepEqual(
    observed,
    cases.map(([members, , expected]) => [Object.keys(members), expected]),
  )
})

test('what stands in Object.prototype is no part of a configuration', async () => {
  const thief = JSON.parse(set(k2))
  const foreign = issue(k2, { iss: issuer })
  const faults = []
  const fetches = []
  const steal = {
    fetch: (url) => {
      fetches.push(url)
      return Response.json(thief)
    },
    store: { get: () => '{}', set: () => {} },
    onFault: () => faults.push(1),
    environment: { SECRET: 'x' },
  }
  await polluted({ keys: thief, audience: 'other' }, () => {
    assert.equal(
      code(() => createVerifier({ issuer, audience: 'api' })),
      '/keys',
    )
    assert.equal(
      code(() => createVerifier({ issuer, keys: [k1.jwk] })),
      '/audience',
    )
  })
  await polluted(
    {
      version: 1,
      providers: [],
      inline: thief,
      remote: { url: 'https://thief.example' },
      bundle: {},
      name: 'x',
    },
    () => {
      const verifier = createVerifier({ ...config, keys: { keys: [k1.jwk] } })
      assert.deepEqual(
        [code(() => verifier.verifySync(issue(k1))), code(() => verifier.verifySync(foreign))],
        ['ok', 'unknown_key'],
      )
    },
  )
  await polluted({ ...steal, headers: { 'x-polluted': '1' } }, async () => {
    const document = serve(set(k1))
    for (const keys of [
      remoteKeySet(document.url),
      remoteKeySet(document.url, {}),
      { remote: { url: document.url } },
    ]) {
      const verifier = createVerifier({ ...config, keys })
      assert.equal(
        code(await verifier.safeVerify(issue(k1)).then((result) => () => result.ok)),
        'ok',
      )
      assert.equal(document.request.headers['x-polluted'], undefined)
    }
    assert.equal(document.fetches, 3)
    document.body = 'x'
    const verifier = createVerifier({ ...config, keys: remoteKeySet(document.url) })
    assert.equal((await verifier.safeVerify(issue(k1))).error.code, 'keys_unavailable')
    assert.equal(
      code(() =>
        createVerifier(
          { ...config, opaque_tokens: [{ token: { env: 'SECRET' }, expires_at: 1 }] },
          {},
        ),
      ),
      '/opaque_tokens/0/token/env',
    )
  })
  await polluted({ roots: thief, min_seq: 100, fault: 'x', text: 'x' }, async () => {
    const document = serve(bundle(root, { seq: 5, keys: [k1.jwk] }), 'application/jwt')
    const verifier = createVerifier({
      ...config,
      keys: remoteBundle(document.url, {
        roots: { keys: [root.jwk] },
        onFault: () => faults.push(2),
      }),
    })
    assert.equal((await verifier.safeVerify(issue(k1))).ok, true)
    assert.equal(
      code(() => createVerifier({ ...config, keys: remoteBundle(document.url, {}) })),
      '/keys/bundle/roots',
    )
  })
  assert.deepEqual([faults, fetches], [[], []])
})

test('what stands in Object.prototype is no part of a verified token', async () => {
  const verifier = createVerifier({
    ...config,
    rules: [{ match: {}, allow: 'anyone' }],
    limits: { cached_tokens: 10 },
  })
  verifier.verifySync(issue(k1, { sub: 'first' }))
  await polluted(
    { subject: 'root', keyId: 'x', wide: [['/sub', '1']], serial: 1, sub: 'root', workspace: 'w1' },
    () => {
      const token = verifier.verifySync(issue(k1))
      assert.deepEqual(
        [token.subject, token.keyId, Object.hasOwn(token.claims, 'sub')],
        [undefined, 'k1', false],
      )
      assert.equal(token.can('x', { workspace: 'w1' }), false)
      // Nobody's token, least of all that of another.
      assert.equal(verifier.decideSync({ method: 'GET', path: '/', headers: {} }).token, undefined)
    },
  )
})

test('members called __proto__ are unknown ones', () => {
  for (const text of [
    '{"__proto__": {"limits": {}}}',
    '{"limits": {"__proto__": {"token_bytes": 1}}}',
    '{"__proto__": null}',
  ]) {
    assert.match(
      code(() => createVerifier({ ...config, ...JSON.parse(text) })),
      /__proto__$/,
      text,
    )
  }
})

test('members of classes are there, with the object that they belong to', async () => {
  const rules = [
    { match: { path: { prefix: '/a' } }, allow: 'authenticated' },
    { match: { path: { prefix: '/near' } }, require: { client_address: ['10.0.0.0/8'] } },
  ]
  const verifier = createVerifier({ ...config, rules })
  const authorization = `Bearer ${issue(k1)}`
  class Head {
    #parts
    constructor(parts) {
      this.#parts = parts
    }
    get method() {
      return this.#parts.method
    }
    get url() {
      return this.#parts.url
    }
    get path() {
      return this.#parts.path
    }
    get headers() {
      return this.#parts.headers
    }
    get connection() {
      return {
        __proto__: {
          get client_address() {
            return '10.0.0.1'
          },
        },
      }
    }
  }
  class Deeper extends Head {}
  class Later {
    get now() {
      return seconds() + 7200
    }
  }
  const bare = Object.assign(Object.create(null), {
    method: 'GET',
    path: '/a',
    headers: Object.assign(Object.create(null), { authorization }),
  })
  for (const request of [
    new Request('https://h/a', { headers: { authorization } }),
    new (class extends Request {})('https://h/a', { headers: { authorization } }),
    { method: 'GET', url: new URL('https://h/a'), headers: new Headers({ authorization }) },
    { method: 'GET', url: 'https://h/a', headers: new Map([['authorization', authorization]]) },
    { method: 'GET', url: 'https://h/a', headers: [['authorization', authorization]] },
    new Head({ method: 'GET', url: 'https://h/a', headers: { authorization } }),
    new Deeper({ method: 'GET', path: '/a', headers: { authorization } }),
    new Deeper({ method: 'GET', path: '/near', headers: { authorization } }),
    Object.create({ method: 'GET', path: '/a', headers: { authorization } }),
    bare,
    Object.create(bare, {
      path: { value: '/a/b' },
      headers: { value: { authorization } },
      method: { value: 'GET' },
    }),
    runInNewContext('({ method: "GET", path: "/a", headers: { authorization } })', {
      authorization,
    }),
  ]) {
    assert.equal(verifier.decideSync(request).verdict, 'allow', inspect(request))
    assert.equal(verifier.decideSync(request, new Later()).reason, 'expired')
  }
  const options = {
    __proto__: {
      get fetch() {
        return () => Response.json(JSON.parse(set(k1)))
      },
    },
  }
  assert.equal(
    (
      await createVerifier({
        ...config,
        keys: remoteKeySet('https://id.example/set', options),
      }).safeVerify(issue(k1))
    ).ok,
    true,
  )
})

test('requests of a Node server, and of a framework that adds members to their class', async () => {
  const rules = [
    { match: { path: { prefix: '/a' } }, allow: 'authenticated' },
    { match: { path: { prefix: '/open' }, hosts: ['open.example'] }, allow: 'anyone' },
  ]
  const verifier = createVerifier({ ...config, rules })
  const server = createServer((request, response) => {
    if (request.headers['x-framework']) {
      // As Express does: members on an object between the request and its class.
      const base = Object.create(Object.getPrototypeOf(request), {
        path: {
          get() {
            return new URL(this.url, 'http://base').pathname
          },
          configurable: true,
        },
        protocol: {
          get() {
            return 'http'
          },
        },
      })
      Object.setPrototypeOf(request, base)
    }
    const decision = verifier.decideSync(request)
    response
      .writeHead(decision.verdict === 'allow' ? 200 : decision.status)
      .end(decision.upstream?.path ?? decision.reason)
  })
  after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const get = async (path, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, {
      headers: { connection: 'close', ...headers },
    })
    return [response.status, await response.text()]
  }
  const authorization = `Bearer ${issue(k1)}`
  assert.deepEqual(await get('/a/b?c=%2F&&', { authorization }), [200, '/a/b?c=%2F&&'])
  assert.deepEqual(await get('/a/b?c', { authorization, 'x-framework': '1' }), [200, '/a/b?c'])
  assert.deepEqual(await get('/a', {}), [401, 'missing_token'])
  await polluted(
    { path: '/open', url: '/open', connection: { client_address: '10.0.0.1' }, authorization },
    async () => {
      assert.deepEqual(await get('/a', {}), [401, 'missing_token'])
    },
  )
})

test('a getter `now` that verifies another token changes nothing', async () => {
  const verifier = createVerifier({ ...config, limits: { cached_tokens: 10 } })
  const [old, good] = [
    issue(k1, { sub: 'old', iat: seconds() - 900, exp: seconds() - 300 }),
    issue(k1, { sub: 'good' }),
  ]
  let reads = 0
  const options = {
    get now() {
      reads++
      verifier.verifySync(good)
      return undefined
    },
  }
  assert.equal(
    code(() => verifier.verifySync(old, options)),
    'expired',
  )
  assert.equal((await verifier.safeVerify(old, options)).error.code, 'expired')
  assert.equal(verifier.verifySync(issue(k1, { sub: 'third' }), options).subject, 'third')
  assert.equal(reads, 3)
})

test('a request whose parts verify other tokens gets its own verdict', () => {
  const verifier = createVerifier({
    ...config,
    rules: [
      { match: { path: { prefix: '/a' } }, allow: 'authenticated' },
      { match: {}, allow: 'anyone' },
    ],
    limits: { cached_tokens: 10 },
  })
  const other = {
    method: 'GET',
    path: '/',
    headers: { authorization: `Bearer ${issue(k1, { sub: 'other' })}` },
  }
  const meddle = () => assert.equal(verifier.decideSync(other).token.subject, 'other')
  const own = `Bearer ${issue(k1, { sub: 'own' })}`
  const request = {
    get method() {
      meddle()
      return 'GET'
    },
    get path() {
      meddle()
      return {
        toString: () => {
          meddle()
          return '/a'
        },
      }
    },
    get headers() {
      return (function* () {
        meddle()
        yield [
          'authorization',
          {
            toString: () => {
              meddle()
              return own
            },
          },
        ]
        meddle()
      })()
    },
    get connection() {
      return {
        get server_name() {
          meddle()
          return {
            toJSON: () => {
              meddle()
              return 'x'
            },
          }
        },
      }
    },
  }
  const options = {
    get now() {
      meddle()
      return undefined
    },
  }
  for (let round = 0; round < 2; round++)
    assert.equal(verifier.decideSync(request, options).token.subject, 'own')
})
