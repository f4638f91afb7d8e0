// The installed tarball in workerd itself, the runtime of Cloudflare Workers.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as send } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { check, vectors } from './support/check.mjs'
import { issue, issuer, key, seconds, serve, set } from './support/issuer.mjs'
import { bundle, start } from './support/workerd.mjs'

const modules = await bundle({
  entryPoints: [fileURLToPath(new URL('support/worker.mjs', import.meta.url))],
})
const [k1, k2] = [key('k1'), key('k2')]
const permissions = ['a.b']
const rules = [{ match: { path: { prefix: '/decide' } }, require: { permission: 'a.b' } }]
const limits = { timeout: 20000 }
const crowd = (action) => Promise.all(Array.from({ length: 20 }, action))

// Under old dates fetch knows no `cache`; under new ones a promise of another request resolves while that request
// lasts.
for (const date of ['2024-01-01', '2026-04-01']) {
  const [slow, cold, warm] = [serve(set(k1)), serve(set(k1)), serve(set(k1))]
  const REMOTE = {
    slow: { url: slow.url, refresh: '2s', cooldown: '1s' },
    cold: { url: cold.url },
    warm: { url: warm.url, cooldown: '1s', timeout: '2s' },
  }
  const CONFIG = { issuer, audience: 'api', keys: [k1.jwk], clock_skew: '30s', rules }
  const worker = start(modules, date, { CONFIG, REMOTE })
  const ask = async (path, init) => {
    const response = await fetch(new URL(path, await worker.ready), {
      signal: AbortSignal.timeout(10000),
      ...init,
    })
    assert.ok(response.status < 500, `${response.status} ${path}`)
    return response
  }
  const verdict = async (name, token) =>
    (await ask(`verify/${name}`, { method: 'POST', body: token })).text()
  /** A request that makes the worker fetch, and whose client goes away meanwhile. */
  const leave = async (name, document, token) => {
    const fetched = new Promise((resolve) => {
      document.answer = (_, response) => resolve(response)
    })
    const client = send(new URL(`verify/${name}`, await worker.ready), { method: 'POST' }).on(
      'error',
      () => {},
    )
    client.end(token)
    const response = await fetched
    client.socket.resetAndDestroy()
    await once(response, 'close')
    document.answer = undefined
  }

  test(
    `workerd ${date}: 20 requests at once load the keys, each for itself; later one fetch is enough`,
    limits,
    async (context) => {
      slow.answer = (_, response) =>
        setTimeout(
          () => response.writeHead(200, { 'content-type': 'application/json' }).end(slow.body),
          300,
        )
      assert.deepEqual(new Set(await crowd(() => verdict('slow', issue(k1)))), new Set(['ok']))
      const first = slow.fetches
      assert.ok(first <= 20, `${first} fetches`)
      slow.body = set(k2)
      const start = performance.now()
      while ((await verdict('slow', issue(k1))) === 'ok') await sleep(20)
      const refused = performance.now() - start
      assert.ok(refused < 4000, `${refused} ms`)
      const second = slow.fetches
      assert.ok(second <= first + 2, `${second - first} fetches`)
      assert.equal(await verdict('slow', issue(k2)), 'ok')
      // Nobody asks until the keys are old: then one fetches, and the others wait for it.
      await sleep(2100)
      slow.body = set(k1)
      assert.deepEqual(
        new Set(await crowd(() => verdict('slow', issue(k2)))),
        new Set(['unknown_key']),
      )
      assert.ok(slow.fetches <= second + 2, `${slow.fetches - second} fetches`)
      context.diagnostic(
        `fetches: ${first}, ${second - first}, ${slow.fetches - second}; the key that left was refused after ${Math.round(refused)} ms`,
      )
    },
  )

  test(
    `workerd ${date}: a client that goes away during its fetch takes nobody along`,
    limits,
    async () => {
      await leave('cold', cold, issue(k1))
      const start = performance.now()
      assert.deepEqual(new Set(await crowd(() => verdict('cold', issue(k1)))), new Set(['ok']))
      assert.ok(performance.now() - start < 2000)
    },
  )

  test(
    `workerd ${date}: good tokens do not wait for a key that others ask for`,
    limits,
    async () => {
      assert.equal(await verdict('warm', issue(k1)), 'ok')
      await sleep(1050)
      await leave('warm', warm, issue(k2))
      const waiting = verdict('warm', issue(k2))
      await sleep(100)
      const start = performance.now()
      assert.deepEqual(new Set(await crowd(() => verdict('warm', issue(k1)))), new Set(['ok']))
      assert.ok(performance.now() - start < 1000)
      assert.equal(warm.fetches, 2)
      assert.equal(await waiting, 'keys_unavailable')
    },
  )

  test(`workerd ${date}: tokens, and requests as the worker gets them`, limits, async () => {
    assert.equal(await (await ask('agent')).text(), 'Cloudflare-Workers')
    const good = issue(k1)
    const tampered = good.replace(
      /\.[\w-]+$/,
      (signature) => `.${signature[1] === 'A' ? 'B' : 'A'}${signature.slice(2)}`,
    )
    for (const [token, code] of [
      [good, 'ok'],
      [issue(k1, { exp: seconds() - 60 }), 'expired'],
      [tampered, 'bad_signature'],
      [issue(k2), 'unknown_key'],
      ['x', 'malformed'],
    ]) {
      assert.equal(await verdict('inline', token), code)
    }
    const decide = (headers) => ask('decide/inline?x=%2F&&', { headers })
    const allowed = await decide({ authorization: `Bearer ${issue(k1, { permissions })}` })
    assert.equal(allowed.status, 200)
    const { path, headers } = await allowed.json()
    assert.equal(path, '/decide/inline?x=%2F&&')
    assert.ok(!headers.some(([name]) => name === 'authorization'))
    for (const [token, status, reason] of [
      [good, 403, 'permission_denied'],
      [tampered, 401, 'bad_signature'],
      [undefined, 401, 'missing_token'],
    ]) {
      const denied = await decide(token && { authorization: `Bearer ${token}` })
      assert.deepEqual([denied.status, denied.headers.get('x-reason')], [status, reason])
      assert.match(denied.headers.get('www-authenticate'), /^Bearer realm=/)
    }
  })

  test(`workerd ${date}: ${vectors.length} vectors`, limits, async () => {
    const faults = []
    for (let from = 0; from < vectors.length; from += 200) {
      const batch = vectors.slice(from, from + 200)
      const observed = await (
        await ask('vectors', { method: 'POST', body: JSON.stringify(batch) })
      ).json()
      for (const [index, vector] of batch.entries()) {
        try {
          check(vector, observed[index])
        } catch (error) {
          faults.push(`${vector.name}: ${error.message}`)
        }
      }
    }
    assert.equal(faults.length, 0, faults.join('\n'))
  })
}
