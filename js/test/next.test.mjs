// The example for Next.js, built and started: edge route and edge middleware, a route and a server component in Node, a
// client component in a browser.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isSkipped, launch } from './support/chromium.mjs'
import { startServer } from './support/example.mjs'
import { issue, issuer, key, seconds } from './support/issuer.mjs'

const project = process.env.DATAKIT_TOKEN_NEXT
const k1 = key('k1')
const options = {
  cwd: project,
  env: {
    ...process.env,
    NEXT_TELEMETRY_DISABLED: '1',
    DATAKIT_TOKEN_CONFIG: JSON.stringify({
      issuer,
      audience: 'api',
      keys: [k1.jwk],
      clock_skew: '0s',
      claims_to_headers: [{ claim: '/sub', header: 'x-user' }],
      rules: [{ match: {}, allow: 'authenticated' }],
    }),
  },
}
const next = (...words) => [
  process.execPath,
  [join(project, 'node_modules/next/dist/bin/next'), ...words],
]
const good = issue(k1, { sub: 'alice', permissions: ['a.b'] })
const forged = good.replace(
  /\.[\w-]+$/,
  (signature) => `.${signature[1] === 'A' ? 'B' : 'A'}${signature.slice(2)}`,
)
const old = issue(k1, { exp: 1 })

const get = (path, token, headers = {}) =>
  fetch(`${url}${path}`, {
    headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(20_000),
  })

rmSync(join(project, '.next'), { recursive: true, force: true })
const built = spawnSync(...next('build'), { ...options, encoding: 'utf8', timeout: 240_000 })
assert.equal(built.status, 0, `${built.stdout}${built.stderr}`)
const { url, said } = await startServer(...next('start', '-p', '0', '-H', '127.0.0.1'), options)

for (const [path, realm] of [
  ['/edge', 'string'],
  ['/node', 'undefined'],
])
  test(`route ${path}`, async () => {
    const answer = await get(path, good)
    assert.equal(await answer.text(), `${realm}: alice true`, said.text)
    for (const [token, reason] of [
      [forged, 'bad_signature'],
      [old, 'expired'],
      [undefined, 'missing_token'],
    ]) {
      const refused = await get(path, token)
      assert.match(refused.headers.get('www-authenticate'), /^Bearer/)
      assert.deepEqual([refused.status, (await refused.json()).reason], [401, reason])
    }
  })

test('middleware: what it lets pass has a header that no client can set', async () => {
  for (const headers of [{}, { 'x-user': 'mallory' }]) {
    const answer = await get('/page', good, headers)
    assert.equal(await answer.text(), 'through the middleware: alice', said.text)
  }
  for (const [token, reason] of [
    [forged, 'bad_signature'],
    [old, 'expired'],
    [undefined, 'missing_token'],
  ]) {
    const refused = await get('/page', token, { 'x-user': 'mallory' })
    assert.ok(refused.headers.has('www-authenticate'))
    assert.deepEqual([refused.status, (await refused.json()).reason], [401, reason])
  }
})

test('a server component', async () => {
  assert.match(await (await get('/server', good)).text(), /server: (<!-- -->)?alice/)
  assert.match(await (await get('/server', old)).text(), /server: (<!-- -->)?expired/)
})

test('a client component, in Chromium', { timeout: 60_000 }, async () => {
  if (isSkipped) return
  const page = await (await launch()).newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(String(error)))
  await page.goto(`${url}/client`)
  const shows = (name) =>
    page.waitForFunction((name) => document.querySelector('#name')?.textContent === name, name)
  await shows('absent')
  assert.equal(await page.getByRole('button').count(), 0)
  await page.getByLabel('Token').fill(good)
  await shows('alice')
  await page.getByRole('button', { name: 'Do it' }).waitFor()
  await page.getByLabel('Token').fill(old)
  await shows('expired')
  assert.equal(await page.getByRole('button').count(), 0)
  // One that ends while it is shown.
  const short = issue(k1, { sub: 'bob', permissions: ['a.b'], exp: seconds() + 4 })
  await page.getByLabel('Token').fill(short)
  await shows('bob')
  await shows('expired')
  assert.equal(await page.getByRole('button').count(), 0)
  assert.deepEqual(faults, [])
})
