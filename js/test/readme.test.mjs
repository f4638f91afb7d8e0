// The package's README, as it is installed: its servers run as they stand there.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { CompactEncrypt, importJWK } from 'jose'
import { issue, issuer, key } from './support/issuer.mjs'
import { newDecryptionKey } from './support/key.mjs'
import { bundle, start } from './support/workerd.mjs'

const project = process.env.DATAKIT_TOKEN_PACKAGE
const readme = readFileSync(join(project, 'node_modules/datakit-token/README.md'), 'utf8')
const blocks = readme
  .split('```js\n')
  .slice(1)
  .map((rest) => rest.split('```')[0])
const block = (text) => blocks.find((code) => code.includes(text))
const k1 = key('k1')
const config = JSON.stringify({
  issuer,
  audience: 'api',
  keys: [k1.jwk],
  rules: [{ match: { path: { exact: '/me' } }, allow: 'authenticated' }],
})
const good = issue(k1, { sub: 'alice' })

/** What a server answers to a good token, without one, and to a good one elsewhere. */
async function check(url) {
  const get = async (path, token) => {
    const response = await fetch(new URL(path, url), {
      headers: token && { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(10_000),
    })
    return [response.status, await response.json()]
  }
  assert.deepEqual(await get('/me', good), [200, { user: 'alice' }])
  for (const [path, token, status, reason] of [
    ['/me', undefined, 401, 'missing_token'],
    ['/me', issue(k1, { exp: 1 }), 401, 'expired'],
    ['/elsewhere', good, 403, 'no_rule'],
  ]) {
    const [found, body] = await get(path, token)
    assert.deepEqual([found, body.reason], [status, reason])
  }
}

test('Express', async () => {
  process.env.DATAKIT_TOKEN_CONFIG = config
  // Where the package is found as users find it.
  const directory = mkdtempSync(join(project, 'readme-'))
  after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'server.mjs')
  writeFileSync(
    file,
    block("from 'express'").replace("'express'", JSON.stringify(import.meta.resolve('express5'))),
  )
  const { app } = await import(pathToFileURL(file))
  const server = app.listen(0, '127.0.0.1')
  after(() => server.close())
  await once(server, 'listening')
  await check(`http://127.0.0.1:${server.address().port}`)
})

test('a Cloudflare Worker', { timeout: 30_000 }, async () => {
  const modules = await bundle({
    stdin: { contents: block('cloudflare:workers'), resolveDir: project },
  })
  const worker = start(modules, '2026-04-01', { DATAKIT_TOKEN_CONFIG: config })
  await check(await worker.ready)
})

test('a server that opens encrypted tokens', async () => {
  const { privateJwk, publicJwk } = newDecryptionKey('e1')
  process.env.DECRYPTION_KEYS = JSON.stringify({ keys: [privateJwk] })
  const directory = mkdtempSync(join(project, 'readme-'))
  after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'sealed.mjs')
  const code = block('datakit-token/sealed').replace('YOUR PUBLIC KEY', k1.jwk.x)
  writeFileSync(file, `${code.replace('https://openway.example.com', 'api')}\nexport { verifier }`)
  const { verifier } = await import(pathToFileURL(file))
  const sealed = await new CompactEncrypt(new TextEncoder().encode(good))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', kid: 'e1' })
    .encrypt(await importJWK(publicJwk, 'ECDH-ES'))
  assert.equal((await verifier.verify(sealed)).subject, 'alice')
  assert.equal((await verifier.safeVerify(good)).error.code, 'unsupported_algorithm')
})

test('Next.js: what is built and started is what stands here', () => {
  const middleware = readFileSync(
    new URL('../../examples/next/middleware.js', import.meta.url),
    'utf8',
  )
  assert.ok(middleware.startsWith(block('export const middleware')))
})
