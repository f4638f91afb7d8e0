// The package's README, as it is installed: its servers run as they stand there.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { CompactEncrypt, importJWK } from 'jose'
import { issue, issuer, key, serve } from './support/issuer.mjs'
import { newDecryptionKey } from './support/key.mjs'
import { bundle, start } from './support/workerd.mjs'

const project = process.env.DATAKIT_TOKEN_PACKAGE
const { createVerifier } = createRequire(`${project}/`)('datakit-token')
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

test('every name that a block imports is there, and every block can be compiled', async () => {
  assert.ok(blocks.length >= 8)
  const all = [
    ...blocks.map((code) => ['js', code]),
    ['jsx', readme.split('```jsx\n')[1].split('```')[0]],
  ]
  for (const [loader, contents] of all) {
    const { warnings } = await build({
      stdin: { contents, loader, resolveDir: project },
      bundle: true,
      format: 'esm',
      platform: 'node',
      write: false,
      external: ['express', 'next/*', 'cloudflare:*', 'react', 'react/*'],
      jsx: 'automatic',
    })
    assert.deepEqual(warnings, [])
  }
})

test('issuer, testing and what comes in the place of jose do what they say', async () => {
  const directory = mkdtempSync(join(project, 'readme-'))
  after(() => rmSync(directory, { recursive: true }))
  const load = async (text, replacements = []) => {
    const file = join(directory, `${blocks.indexOf(block(text))}.mjs`)
    const code = replacements.reduce((code, [from, to]) => code.replace(from, to), block(text))
    writeFileSync(file, code)
    return import(pathToFileURL(file))
  }
  mkdirSync(join(directory, 'keys'))
  const { createKeyRing } = await import(
    pathToFileURL(join(project, 'node_modules/datakit-token/dist/issuer.mjs'))
  )
  const keys = join(directory, 'keys/keys.json')
  writeFileSync(keys, JSON.stringify(await createKeyRing()))
  const { login, jwks } = await load('datakit-token/issuer', [
    ["'keys/keys.json'", JSON.stringify(keys)],
  ])
  const token = await login({ id: 'alice', workspace: 'w1', roles: ['editor'] })
  const { url } = serve(JSON.stringify(jwks))
  const { check } = await load('remoteKeySet', [
    ['https://id.example.com/jwks.json', url],
    ["audience: 'api'", "audience: 'https://openway.example.com'"],
  ])
  assert.deepEqual((await check(token)).roles, ['editor'])
  const { verifier, admin, old } = await load('datakit-token/testing')
  assert.equal((await verifier.verify(admin)).subject, 'alice')
  assert.equal((await verifier.safeVerify(old)).error.code, 'expired')
})

test('the table of reasons has all of them, each with its status', () => {
  const source = readFileSync(new URL('../src/error.ts', import.meta.url), 'utf8')
  const union = source.split('export type Reason =')[1].split('\n\n')[0]
  const reasons = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code)
  const rows = [...readme.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ])
  const verifier = createVerifier(JSON.parse(config))
  const told = reasons.map((code) => [
    code,
    verifier.refuse({ method: 'GET', path: '/', headers: [] }, code).status,
  ])
  assert.deepEqual(rows, told)
})

test('the tables of options have all that there are', () => {
  const source = readFileSync(new URL('../src/configuration/document.ts', import.meta.url), 'utf8')
  const lists = [...source.matchAll(/^const (?:COMMON|SHORT) = \[([^\]]*)\]/gm)]
  const names = lists.flatMap(([, list]) => [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name))
  assert.ok(names.length > 25)
  const table = readme.split('## The configuration')[1].split('## Errors')[0]
  const rows = [...table.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell).join(' ')
  assert.deepEqual(
    names.filter((name) => !rows.includes(`\`${name}\``)),
    [],
  )
})

test('the hashes of the modules are those that the package says', () => {
  const dist = join(project, 'node_modules/datakit-token/dist')
  const sums = readFileSync(join(dist, 'SHA256SUMS'), 'utf8').trim().split('\n')
  assert.deepEqual(
    sums.map((line) => line.split('  ')[1]),
    ['core.wasm', 'sealed/core.wasm', 'wide/core.wasm'],
  )
  for (const [hash, file] of sums.map((line) => line.split('  ')))
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(dist, file)))
        .digest('hex'),
      hash,
    )
})

test('source maps lead to the sources, and have neither the module nor a path of where it was built', () => {
  const dist = join(project, 'node_modules/datakit-token/dist')
  const bundles = readdirSync(dist, { recursive: true }).filter((name) => /\.[mc]js$/.test(name))
  assert.ok(bundles.length > 20)
  for (const name of bundles) {
    assert.match(
      readFileSync(join(dist, name), 'utf8'),
      /\n\/\/# sourceMappingURL=[\w.]+\.map\n$/,
      name,
    )
    const text = readFileSync(join(dist, `${name}.map`), 'utf8')
    const { sources, sourcesContent } = JSON.parse(text)
    assert.ok(
      sources.some((source) => source.startsWith('js/src/')),
      name,
    )
    assert.ok(
      sourcesContent.some((content) => content?.includes('export')),
      name,
    )
    assert.ok(text.length < 400_000, `${name}: ${text.length}`)
    assert.ok(!text.includes(project) && !sources.some((source) => /^\/|\.\./.test(source)), name)
  }
})
