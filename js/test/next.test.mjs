// The installed tarball in Next.js, built and started: an edge route, edge middleware (that of the package's README)
// and a route in Node.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { issue, issuer, key } from './support/issuer.mjs'

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
      rules: [{ match: {}, allow: 'authenticated' }],
    }),
  },
}
const next = (...words) => [
  process.execPath,
  [join(project, 'node_modules/next/dist/bin/next'), ...words],
]

test('next build, next start: edge route, edge middleware and Node give the verdict', {
  timeout: 300_000,
}, async () => {
  rmSync(join(project, '.next'), { recursive: true, force: true })
  const { status, stdout, stderr } = spawnSync(...next('build'), {
    ...options,
    encoding: 'utf8',
    timeout: 240_000,
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
  const server = spawn(...next('start', '-p', '0', '-H', '127.0.0.1'), {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  after(() => server.kill())
  let said = ''
  for (const stream of [server.stdout, server.stderr])
    stream.on('data', (text) => {
      said += text
    })
  let url
  for (let waited = 0; url === undefined; waited += 100) {
    assert.ok(waited < 30_000 && server.exitCode === null, said)
    await sleep(100)
    url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0]
  }
  const good = issue(k1, { sub: 'alice', permissions: ['a.b'] })
  const forged = good.replace(
    /\.[\w-]+$/,
    (signature) => `.${signature[1] === 'A' ? 'B' : 'A'}${signature.slice(2)}`,
  )
  for (const [path, realm] of [
    ['edge', 'string'],
    ['node', 'undefined'],
  ]) {
    for (const [token, verdict] of [
      [good, 'alice true'],
      [forged, 'bad_signature'],
      [issue(k1, { exp: 1 }), 'expired'],
      [undefined, 'missing_token'],
    ]) {
      const response = await fetch(`${url}/${path}`, {
        headers: token && { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(20_000),
      })
      assert.equal(await response.text(), `${realm}: ${verdict}`, `${path}\n${said}`)
    }
  }
  for (const [token, status, body] of [
    [good, 200, /^through the middleware$/],
    [forged, 401, /"reason":"bad_signature"/],
    [issue(k1, { exp: 1 }), 401, /"reason":"expired"/],
    [undefined, 401, /"reason":"missing_token"/],
  ]) {
    const response = await fetch(`${url}/page`, {
      headers: token && { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(20_000),
    })
    assert.deepEqual(
      [response.status, response.headers.has('www-authenticate')],
      [status, status === 401],
      said,
    )
    assert.match(await response.text(), body)
  }
})
