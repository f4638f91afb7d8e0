// The examples: each with its real framework in its real runtime, asked by a real client.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { after, test } from 'node:test'
import { isSkipped, launch } from './support/chromium.mjs'
import { copyExample, startServer } from './support/example.mjs'
import { bundle as signBundle, issue, issuer, key } from './support/issuer.mjs'
import { commandIn } from './support/rust_command.mjs'
import { bundle, start } from './support/workerd.mjs'

const { createIssuer } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)(
  'datakit-token/issuer',
)
const AUDIENCE = 'https://api.example.com'

/** A key directory of the command, and somebody who issues with it. */
async function keysIn(directory) {
  commandIn(directory)('keygen', '--out', 'keys')
  const keys = JSON.parse(readFileSync(join(directory, 'keys/keys.json'), 'utf8'))
  return createIssuer({ issuer, audience: AUDIENCE, keys })
}

async function ask(url, token, init = {}) {
  const response = await fetch(url, {
    ...init,
    headers: { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(10_000),
  })
  return [response.status, await response.text()]
}

test('express: an API with mounted routers', { timeout: 60_000 }, async () => {
  const directory = copyExample('express', { express: 'express5' })
  const { issue } = await keysIn(directory)
  const { url, said } = await startServer(process.execPath, ['server.mjs'], {
    cwd: directory,
    env: { ...process.env, PORT: '0' },
  })
  const token = async (request) => {
    const asked = { clientId: 'web', lifetime: '10m', ...request }
    return (await issue(asked)).token
  }
  const reader = await token({ subject: 'alice', roles: ['reader'], claims: { tenant: 't1' } })
  const editor = await token({ subject: 'bob', roles: ['editor'], claims: { tenant: 't1' } })
  const admin = await token({ roles: ['admin'] })
  assert.deepEqual(await ask(`${url}/health`), [200, '{"ok":true}'])
  assert.match((await ask(`${url}/me`, reader))[1], /"user":"alice","roles":\["reader"\]/)
  for (const [path, who, status, init] of [
    ['/me', undefined, 401],
    ['/me', `${reader}x`, 401],
    ['/tenants/t1/notes', reader, 403],
    ['/tenants/t1/notes', editor, 200],
    ['/tenants/t1/notes', editor, 201, { method: 'POST' }],
    ['/tenants/t2/notes', editor, 403],
    ['/admin/users', editor, 403],
    ['/admin/users', admin, 200],
    ['/ADMIN/users', admin, 200],
    ['/admin/users', undefined, 401],
  ])
    assert.equal((await ask(url + path, who, init))[0], status, `${path} ${status}`)
  // One line for each verdict, and no token in any.
  assert.match(said.text, /"verdict":"deny","reason":"permission_denied"/)
  assert.ok(![reader, editor, admin].some((token) => said.text.includes(token.slice(-20))))
})

test('hono-deno: Hono on Deno, with no more permissions than it says', {
  timeout: 120_000,
}, async () => {
  const directory = copyExample('hono-deno', { hono: 'hono' })
  const { issue } = await keysIn(directory)
  const { scripts } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const [program, ...words] = scripts.start.split(' ')
  assert.equal(program, 'deno')
  const deno = new URL('../node_modules/deno/bin.cjs', import.meta.url).pathname
  const { url } = await startServer(
    process.execPath,
    [deno, words[0], '--node-modules-dir=manual', '--no-prompt', ...words.slice(1)],
    {
      cwd: directory,
      env: {
        ...process.env,
        PORT: '0',
        DENO_DIR: join(directory, 'deno'),
        DENO_NO_UPDATE_CHECK: '1',
        NO_COLOR: '1',
      },
    },
  )
  const { token } = await issue({ clientId: 'web', subject: 'alice', lifetime: 600 })
  const { token: reader } = await issue({
    clientId: 'web',
    permissions: ['note.read'],
    lifetime: 600,
  })
  assert.deepEqual(await ask(`${url}/`), [200, 'Hello, stranger'])
  assert.deepEqual(await ask(`${url}/`, token), [200, 'Hello, alice'])
  for (const [path, who, status] of [
    ['/', `${token}x`, 401],
    ['/notes', undefined, 401],
    ['/notes', token, 403],
    ['/notes', reader, 200],
  ])
    assert.equal((await ask(url + path, who))[0], status, path)
})

test('worker: a gateway in front of a DataKit, which no client has to know', {
  timeout: 60_000,
}, async () => {
  const SECRET = 'tkn_0123456789abcdef0123456789abcdef'
  const arrived = []
  const datakit = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    arrived.push({ url: request.url, headers: request.headers, body })
    response.end()
  })
  const [k1, root] = [key('k1'), key('root')]
  const keys = createServer((_request, response) => {
    const { kid, x, kty, crv } = k1.jwk
    response.end(signBundle(root, { keys: [{ kid, x, kty, crv }] }))
  })
  for (const server of [datakit, keys]) {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    after(() => server.close())
  }
  const directory = copyExample('worker')
  const worker = start(
    await bundle({ entryPoints: [join(directory, 'src/index.js')] }),
    '2026-04-01',
    {
      DATAKIT: `http://127.0.0.1:${datakit.address().port}`,
      BUNDLE: `http://127.0.0.1:${keys.address().port}/bundle.jwt`,
      ROOTS: JSON.stringify({ keys: [root.jwk] }),
      DATAWAY_TOKEN: SECRET,
    },
  )
  const url = await worker.ready
  const sign = (claims) =>
    issue(k1, { aud: 'https://datakit.example.com', workspace: 'wksp_1', ...claims })
  const good = sign({ permissions: ['ingest.logging'] })
  const write = (token, path = '/v1/write/logging') =>
    ask(new URL(`${path}?precision=ms${token ? `&token=${token}` : ''}`, url), undefined, {
      method: 'POST',
      body: 'logs message="x"',
    })
  assert.equal((await write(good))[0], 200)
  assert.equal(arrived[0].url, `/v1/write/logging?precision=ms&token=${SECRET}`)
  assert.equal(arrived[0].body, 'logs message="x"')
  for (const [token, path, status] of [
    [undefined, '/v1/write/logging', 401],
    // What everybody had before.
    [SECRET, '/v1/write/logging', 401],
    [sign({ exp: 1, permissions: ['ingest.logging'] }), '/v1/write/logging', 401],
    [good, '/v1/write/metric', 403],
    [good, '/restart', 403],
  ])
    assert.equal((await write(token, path))[0], status, path)
  assert.equal(arrived.length, 1)
})

test('page: what a user may do, under a strict policy', { timeout: 120_000 }, async () => {
  if (isSkipped) return
  const directory = copyExample('page')
  const issued = await keysIn(directory)
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' }
  const page = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    if (pathname === '/token') return response.end(page.token)
    if (pathname === '/jwks.json') return response.end(JSON.stringify(issued.keySet()))
    const file = join(directory, pathname === '/' ? 'index.html' : pathname)
    response.setHeader('content-type', types[extname(file)] ?? 'text/plain')
    try {
      response.end(readFileSync(file))
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => page.listen(0, '127.0.0.1', resolve))
  after(() => page.close())
  const browser = await launch()
  const show = async (token) => {
    page.token = token
    const tab = await browser.newPage()
    const faults = []
    tab.on('pageerror', (error) => faults.push(String(error)))
    tab.on('console', (line) => line.type() === 'error' && faults.push(line.text()))
    await tab.goto(`http://localhost:${page.address().port}/`)
    await tab.waitForFunction(
      () => !document.querySelector('#who').textContent.startsWith('Checking'),
    )
    const shown = [
      await tab.textContent('#who'),
      await tab.isVisible('#edit'),
      faults.filter((fault) => !fault.includes('favicon')),
    ]
    await tab.close()
    return shown
  }
  const request = { clientId: 'web', subject: 'alice', lifetime: 600 }
  const { token: reader } = await issued.issue(request)
  const { token: editor } = await issued.issue({ ...request, permissions: ['note.write'] })
  const { token: old } = await issued.issue(request, { now: 1_790_000_000 })
  assert.deepEqual(await show(reader), ['You are alice.', false, []])
  assert.deepEqual(await show(editor), ['You are alice.', true, []])
  assert.deepEqual(await show(old), ['Please sign in again (expired).', false, []])
})
