// Remote keys and trust bundles against a real server on loopback.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle, issue, issuer, key, seconds, serve, set } from './support/issuer.mjs'

const { createVerifier, remoteBundle, remoteKeySet, ConfigurationError } = createRequire(
  `${process.env.DATAKIT_TOKEN_PACKAGE}/`,
)('datakit-token')

const [k1, k2, root] = [key('k1'), key('k2'), key('root')]
const fast = { refresh: '1s', cooldown: '1s', timeout: '1s', stale_for: '1h' }
const verifierOf = (keys, runtime) =>
  createVerifier({ issuer, audience: 'api', keys, clock_skew: '30s' }, runtime)
const verdict = async (verifier, token, options) => {
  const result = await verifier.safeVerify(token, options)
  return result.ok ? 'ok' : result.error.code
}

test('keys load with the first token, once for all who wait', async () => {
  const document = serve(set(k1))
  const verifier = verifierOf(remoteKeySet(document.url))
  assert.equal(verifier.fresh, false)
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdict(verifier, issue(k1))))
  assert.deepEqual(new Set(verdicts), new Set(['ok']))
  assert.equal(document.fetches, 1)
  assert.equal(document.request.headers.accept, 'application/jwk-set+json, application/json')
  assert.equal(verifier.fresh, true)
  assert.deepEqual(verifier.sources, [
    {
      provider: 'default',
      fresh: true,
      loaded: true,
      failures: 0,
      keys: 1,
      rules: 0,
      sequence: null,
    },
  ])
  const decision = await verifier.decide({
    method: 'GET',
    path: '/',
    headers: { authorization: `Bearer ${issue(k1)}` },
  })
  assert.equal(decision.reason, 'no_rule')
})

test('without waiting there are no keys at first, and later there are', async () => {
  const verifier = verifierOf(remoteKeySet(serve(set(k1)).url))
  assert.throws(() => verifier.verifySync(issue(k1)), {
    code: 'keys_unavailable',
    status: 503,
    retryable: true,
  })
  for (let waited = 0; !verifier.fresh && waited < 100; waited++) await sleep(20)
  assert.equal(verifier.verifySync(issue(k1)).keyId, 'k1')
})

test('the whole configuration takes remote keys as well', async () => {
  const document = serve(set(k1))
  const provider = {
    name: 'main',
    issuer,
    audiences: ['api'],
    keys: { remote: { url: document.url, cluster: 'keys' } },
  }
  const faults = []
  const verifier = createVerifier(
    { version: 1, providers: [provider] },
    { headers: { 'x-key': 'value' }, onFault: (fault) => faults.push(fault) },
  )
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
  assert.equal(document.request.headers['x-key'], 'value')
  document.body = 'x'
  await verifier.reload()
  assert.deepEqual(
    faults.map(({ provider, code }) => [provider, code]),
    [['main', 'malformed']],
  )
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
})

test('a key that joins is found after the cool-down, a key that leaves stops with the next refresh', async () => {
  const document = serve(set(k1))
  const verifier = verifierOf(remoteKeySet(document.url, fast))
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
  document.body = set(k2)
  // It may have joined since the last answer: the next one will tell.
  assert.equal(await verdict(verifier, issue(k2)), 'keys_unavailable')
  await sleep(1050)
  assert.equal(await verdict(verifier, issue(k2)), 'ok')
  assert.equal(await verdict(verifier, issue(k1)), 'unknown_key')
  assert.equal(document.fetches, 2)
})

test('a flood of unknown key ids costs one fetch per cool-down', async () => {
  const document = serve(set(k1))
  const verifier = verifierOf(remoteKeySet(document.url, { cooldown: '1s' }))
  const start = performance.now()
  let sent = 0
  while (performance.now() - start < 3500) {
    // Whoever starts a fetch waits for it, and knows then.
    assert.match(
      await verdict(verifier, issue({ ...k2, kid: `random-${sent++}` })),
      /^(keys_unavailable|unknown_key)$/,
    )
    // The flood is thousands of tokens; signing them takes longer than refusing them.
    if (sent % 100 === 0) await sleep(1)
  }
  assert.ok(
    document.fetches <= 5 && document.fetches >= 3,
    `${document.fetches} fetches for ${sent} tokens`,
  )
})

test('good tokens do not wait for a key that others ask for', async () => {
  const document = serve(set(k1))
  const verifier = verifierOf(remoteKeySet(document.url, { cooldown: '1s' }))
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
  await sleep(1050)
  document.answer = (_, response) =>
    setTimeout(
      () => response.writeHead(200, { 'content-type': 'application/json' }).end(set(k1, k2)),
      1000,
    )
  const waiting = [verdict(verifier, issue(k2)), verdict(verifier, issue(k2))]
  await sleep(100)
  const start = performance.now()
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
  assert.ok(performance.now() - start < 500)
  assert.deepEqual(await Promise.all(waiting), ['ok', 'ok'])
  assert.equal(document.fetches, 2)
})

test('whatever the server answers, the keys from before stay', async () => {
  const document = serve(set(k1))
  const faults = []
  const verifier = verifierOf(
    remoteKeySet(document.url, { ...fast, onFault: ({ code }) => faults.push(code) }),
  )
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
  let written = 0
  const answers = {
    bad_status: (_, response) => response.writeHead(302, { location: serve(set(k2)).url }).end(),
    bad_content_type: (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end(set(k2)),
    malformed: (_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(set(k2).slice(0, -9)),
    bad_keys: (_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"keys":[]}'),
    too_large: (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const part = Buffer.alloc(65536, ' ')
      const write = () => {
        while (written < 20 << 20 && !response.destroyed) {
          written += part.length
          if (!response.write(part)) return response.once('drain', write)
        }
        response.end()
      }
      write()
    },
    unreachable: () => {},
  }
  for (const [code, answer] of Object.entries(answers)) {
    document.answer = answer
    const start = performance.now()
    await verifier.reload()
    assert.ok(performance.now() - start < 2000, code)
    assert.equal(faults.pop(), code)
    assert.equal(await verdict(verifier, issue(k1)), 'ok')
    assert.equal(verifier.verifySync(issue(k1)).keyId, 'k1')
  }
  assert.ok(written < 20 << 20, `${written} bytes were read`)
  document.answer = (request) => request.socket.destroy()
  await verifier.reload()
  assert.equal(faults.pop(), 'unreachable')
  document.answer = undefined
  document.body = set(k2)
  await verifier.reload()
  assert.equal(await verdict(verifier, issue(k2)), 'ok')
})

test('without keys from the start every token is refused as unavailable, and not for longer than needed', async () => {
  const document = serve(set(k1))
  document.answer = (_, response) => response.writeHead(500).end()
  const verifier = verifierOf(remoteKeySet(document.url, fast))
  for (let index = 0; index < 20; index++)
    assert.equal(await verdict(verifier, issue(k1)), 'keys_unavailable')
  assert.equal(document.fetches, 1)
  document.answer = undefined
  await sleep(1050)
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
})

test('stale keys are used up to stale_for', async () => {
  const document = serve(set(k1))
  const verifier = verifierOf(remoteKeySet(document.url, { ...fast, stale_for: '60s' }))
  const token = issue(k1)
  assert.equal(await verdict(verifier, token), 'ok')
  document.answer = (_, response) => response.writeHead(500).end()
  assert.equal(await verdict(verifier, token, { now: seconds() + 55 }), 'ok')
  assert.equal(await verdict(verifier, token, { now: seconds() + 65 }), 'keys_unavailable')
})

const day = 86400
const always = { iat: seconds() - 2 * day, exp: seconds() + 3650 * day }

test('the time that one caller gives does not keep keys fresh for the others', async () => {
  const document = serve(set(k1))
  const verifier = verifierOf(remoteKeySet(document.url, { ...fast, stale_for: '3s' }))
  const token = issue(k1, always)
  assert.equal(
    await verdict(verifier, token, { now: seconds() + 5 * 365 * day }),
    'keys_unavailable',
  )
  assert.equal(await verdict(verifier, token), 'ok')
  document.answer = (_, response) => response.writeHead(500).end()
  await sleep(1100)
  assert.equal(
    await verdict(verifier, token, { now: seconds() + 5 * 365 * day }),
    'keys_unavailable',
  )
  assert.equal(await verdict(verifier, token), 'ok')
  await sleep(3100)
  assert.equal(await verdict(verifier, token), 'keys_unavailable')
  assert.equal(verifier.fresh, false)
})

test('the time that one caller gives does not make keys too old for the others', async () => {
  const document = serve(set(k1))
  const verifier = verifierOf(remoteKeySet(document.url, { cooldown: '60s' }))
  const token = issue(k1, always)
  assert.equal(await verdict(verifier, token, { now: seconds() - day }), 'ok')
  assert.equal(await verdict(verifier, token), 'ok')
  assert.equal(verifier.verifySync(token).keyId, 'k1')
  assert.deepEqual([verifier.fresh, document.fetches], [true, 1])
  await verifier.reload()
  assert.equal(await verdict(verifier, token, { now: seconds() - day }), 'ok')
  assert.deepEqual(
    verifier.sources.map(({ fresh, failures }) => [fresh, failures]),
    [[true, 0]],
  )
})

test('a trust bundle is judged by the clock of the host, whatever time a caller gives', async () => {
  const faults = []
  for (const away of [365 * day, -365 * day, -day, 1]) {
    const document = serve(bundle(root, { seq: 5, keys: [k1.jwk] }), 'application/jwt')
    const verifier = verifierOf(
      remoteBundle(document.url, {
        roots: { keys: [root.jwk] },
        cooldown: '60s',
        onFault: ({ code }) => faults.push(code),
      }),
    )
    const token = issue(k1, always)
    // Whose time is before the bundle or long after it gets what that time deserves.
    const first = await verdict(verifier, token, { now: seconds() + away })
    assert.ok(['ok', 'keys_unavailable', 'not_yet_valid'].includes(first), first)
    assert.equal(await verdict(verifier, token), 'ok', String(away))
    assert.deepEqual([verifier.fresh, verifier.sources[0].failures, document.fetches], [true, 0, 1])
  }
  assert.deepEqual(faults, [])
})

test('a trust bundle brings keys and rules, and cannot be rolled back', async () => {
  const document = serve(bundle(root, { seq: 5, keys: [k1.jwk] }), 'application/jwt')
  const faults = []
  const verifier = verifierOf(
    remoteBundle(document.url, {
      roots: { keys: [root.jwk] },
      ...fast,
      onFault: ({ code }) => faults.push(code),
    }),
  )
  assert.equal(await verdict(verifier, issue(k1)), 'ok')
  const old = document.body
  document.body = bundle(root, { seq: 6, keys: [k1.jwk], rules: [{ match: { jti: 'j1' } }] })
  await verifier.reload()
  assert.equal(await verdict(verifier, issue(k1)), 'revoked')
  assert.equal(await verdict(verifier, issue(k1, { jti: 'j2' })), 'ok')
  for (const [body, code] of [
    [old, 'rolled_back'],
    [bundle(root, { seq: 6, keys: [k1.jwk] }), 'equivocation'],
    [bundle(k1, { seq: 7, keys: [k1.jwk] }), 'untrusted'],
  ]) {
    document.body = body
    await verifier.reload()
    assert.equal(faults.pop(), code)
    assert.equal(await verdict(verifier, issue(k1)), 'revoked')
  }
  assert.deepEqual(
    verifier.sources.map(({ sequence, rules }) => [sequence, rules]),
    [[6, 1]],
  )
})

test('a store carries keys and sequence numbers over a restart', async () => {
  const document = serve(bundle(root, { seq: 5, keys: [k1.jwk] }), 'application/jwt')
  const kept = new Map()
  const store = {
    get: async (name) => kept.get(name),
    set: async (name, value) => void kept.set(name, value),
  }
  const faults = []
  const options = {
    roots: { keys: [root.jwk] },
    ...fast,
    refresh: '10s',
    store,
    onFault: ({ code }) => faults.push(code),
  }
  assert.equal(await verdict(verifierOf(remoteBundle(document.url, options)), issue(k1)), 'ok')
  assert.equal(kept.size, 1)
  const restarted = verifierOf(remoteBundle(document.url, options))
  document.answer = (_, response) => response.writeHead(500).end()
  assert.equal(await verdict(restarted, issue(k1)), 'ok')
  assert.equal(document.fetches, 1)
  document.answer = undefined
  document.body = bundle(root, { seq: 4, keys: [k2.jwk] })
  await restarted.reload()
  assert.deepEqual(faults, ['rolled_back'])
  // Somebody who can write to the store cannot make keys.
  for (const [name, value] of kept)
    kept.set(name, value.replace(/\n.*/s, `\n${bundle(k1, { seq: 9, keys: [k2.jwk] })}`))
  document.answer = (_, response) => response.writeHead(500).end()
  assert.equal(
    await verdict(verifierOf(remoteBundle(document.url, options)), issue(k2)),
    'keys_unavailable',
  )
  assert.ok(faults.includes('untrusted'))
  const broken = {
    get: () => {
      throw new Error('down')
    },
    set: () => {
      throw new Error('down')
    },
  }
  document.answer = undefined
  document.body = bundle(root, { seq: 5, keys: [k1.jwk] })
  assert.equal(
    await verdict(verifierOf(remoteBundle(document.url, { ...options, store: broken })), issue(k1)),
    'ok',
  )
})

test('in a worker that isolates requests nobody waits for the fetch of another request', async () => {
  const document = serve(set(k1))
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: 'Cloudflare-Workers' },
    configurable: true,
  })
  try {
    let release
    const gate = new Promise((resolve) => {
      release = resolve
    })
    let calls = 0
    // The first request's fetch never ends, as if its client had gone.
    const fetchOf = (url, init) =>
      ++calls === 1 ? gate.then(() => fetch(url, init)) : fetch(url, init)
    const verifier = verifierOf(remoteKeySet(document.url, { fetch: fetchOf }))
    const first = verdict(verifier, issue(k1))
    while (calls === 0) await sleep(1)
    const start = performance.now()
    assert.equal(await verdict(verifier, issue(k1)), 'ok')
    assert.ok(performance.now() - start < 2000)
    release()
    assert.equal(await first, 'ok')
  } finally {
    if (descriptor) Object.defineProperty(globalThis, 'navigator', descriptor)
    else delete globalThis.navigator
  }
})

test('a URL that others can read along is a configuration error', () => {
  for (const make of [
    (url) => remoteKeySet(url),
    (url) => remoteBundle(url, { roots: { keys: [root.jwk] } }),
  ]) {
    assert.throws(
      () => verifierOf(make('http://id.example.com/jwks.json')),
      (error) =>
        error instanceof ConfigurationError &&
        /\/remote\/url$/.test(error.pointer) &&
        /https/.test(error.problem),
    )
  }
})
