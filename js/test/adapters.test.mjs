// The adapters, each in the real framework and over real connections: the same answers from all.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import express4 from 'express4'
import express5 from 'express5'
import createFastify from 'fastify'
import { Hono } from 'hono'
import { issue, issuer, key } from './support/issuer.mjs'

const require = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)
const { createVerifier } = require('datakit-token')
const express = require('datakit-token/express')
const { datakitToken } = require('datakit-token/fastify')
const hono = require('datakit-token/hono')
const { withToken } = require('datakit-token/fetch')

const k1 = key('k1')
const document = {
  version: 1,
  providers: [
    {
      name: 'main',
      issuer,
      audiences: ['api'],
      keys: { inline: { keys: [k1.jwk] } },
      from: { headers: [{ name: 'authorization', scheme: 'Bearer' }], params: ['token'] },
      claims_to_headers: [{ claim: '/sub', header: 'x-user' }],
    },
  ],
  rules: [
    { match: { path: { exact: '/open' } }, allow: 'anyone' },
    { match: { path: { prefix: '/admin' } }, require: { permission: 'admin' } },
    { match: {}, allow: 'authenticated' },
  ],
  responses: { cors: { origins: ['https://app.example.com'] }, format: 'problem+json' },
}
const verifier = createVerifier(document)
const watching = createVerifier({ ...document, mode: 'observe' })
const user = issue(k1, { sub: 'alice', tenant: 't1' })
const editor = issue(k1, { sub: 'eve', permissions: ['edit'], tenant: 't1' })
const admin = issue(k1, { sub: 'root', permissions: ['admin', 'edit'], tenant: 't2' })
const who = (token) => token?.subject ?? 'nobody'

/** Each framework with the same routes; `guarded` is the verifier. */
const servers = {
  express4: async (guarded) => createServer(ofExpress(express4, guarded)),
  express5: async (guarded) => createServer(ofExpress(express5, guarded)),
  async fastify(guarded) {
    const app = createFastify()
    app.register(datakitToken, { verifier: guarded })
    const handler = async (request) => who(request.token)
    const edit = { config: { token: { permission: 'edit', match: { tenant: 't1' } } } }
    app.all('/edit', edit, handler)
    app.register(async (inner) => inner.all('/*', handler), { prefix: '/admin' })
    app.all('/*', handler)
    await app.ready()
    return app.server
  },
  async hono(guarded) {
    const app = new Hono()
    app.use(hono.verifyToken({ verifier: guarded }))
    const handler = (context) => context.text(who(context.get('token')))
    app.all('/edit', hono.requirePermission('edit', { tenant: 't1' }), handler)
    app.route('/admin', new Hono().all('/*', handler))
    app.all('/*', handler)
    return createAdaptorServer({ fetch: app.fetch })
  },
  async fetch(guarded) {
    const handler = (_request, access) => new Response(who(access.token))
    const [plain, edit] = [{}, { permission: 'edit', match: { tenant: 't1' } }].map((permission) =>
      withToken(handler, { verifier: guarded, ...permission }),
    )
    return createAdaptorServer({
      fetch: (request) => (new URL(request.url).pathname === '/edit' ? edit : plain)(request),
    })
  },
}

function ofExpress(framework, guarded) {
  const app = framework()
  app.use(express.verifyToken({ verifier: guarded }))
  const handler = (request, response) => response.type('text').send(who(request.token))
  app.all('/edit', express.requirePermission('edit', { tenant: 't1' }), handler)
  const router = framework.Router()
  router.use(handler)
  app.use('/admin', router)
  app.use(handler)
  return app
}

async function listen(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  return server.address().port
}

async function ask(port, path, token, method = 'GET') {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      origin: 'https://app.example.com',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  return { status: response.status, text, headers: response.headers }
}

for (const [name, make] of Object.entries(servers)) {
  test(`${name}: rules, permissions of routes, and the answer of the configuration`, async () => {
    const port = await listen(await make(verifier))
    for (const [path, token, status, said] of [
      ['/x', user, 200, 'alice'],
      ['/x?a=1', user, 200, 'alice'],
      ['/open', undefined, 200, 'nobody'],
      ['/open', user, 200, 'alice'],
      ['/x', undefined, 401, 'missing_token'],
      ['/open', 'x', 401, 'malformed'],
      ['/x', issue(k1, { exp: 1 }), 401, 'expired'],
      ['/admin/users', user, 403, 'permission_denied'],
      ['/admin/users', admin, 200, 'root'],
      ['/edit', user, 403, 'permission_denied'],
      ['/edit', editor, 200, 'eve'],
      ['/edit', admin, 403, 'binding_mismatch'],
      ['/edit', undefined, 401, 'missing_token'],
    ]) {
      const answer = await ask(port, path, token)
      const what = `${path} ${said}: ${JSON.stringify(answer)}`
      assert.equal(answer.status, status, what)
      if (status === 200) {
        assert.equal(answer.text, said, what)
        continue
      }
      // RFC 6750 section 3, RFC 9457; and what lets a page read it.
      assert.match(answer.headers.get('www-authenticate'), /^Bearer/, what)
      assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example.com')
      assert.match(answer.headers.get('content-type'), /^application\/problem\+json/)
      assert.equal(JSON.parse(answer.text).reason, said, what)
    }
    const head = await ask(port, '/x', undefined, 'HEAD')
    assert.deepEqual([head.status, head.text], [401, ''])
  })

  test(`${name}: observe lets everything pass, and shows no token that was refused`, async () => {
    const port = await listen(await make(watching))
    for (const [path, token, said] of [
      ['/x', undefined, 'nobody'],
      ['/x', issue(k1, { exp: 1 }), 'nobody'],
      ['/admin/users', user, 'nobody'],
      ['/edit', user, 'nobody'],
      ['/edit', editor, 'eve'],
      ['/x', user, 'alice'],
    ]) {
      const { status, text } = await ask(port, path, token)
      assert.deepEqual([status, text], [200, said], `${path} ${said}`)
    }
  })
}

/** 40 spellings of a path below /admin that some server or router reads as one. */
const SPELLINGS = [
  '/admin/users',
  '/admin/users/',
  '/admin//users',
  '//admin/users',
  '///admin/users',
  '/./admin/users',
  '/x/../admin/users',
  '/admin/./users',
  '/admin/../admin/users',
  '/admin/x/../users',
  '/admin/users/..',
  '/%61dmin/users',
  '/%61%64%6d%69%6e/users',
  '/admin%2fusers',
  '/admin%2Fusers',
  '/admin/%75sers',
  '/admin/users%2f',
  '/%2e/admin/users',
  '/x/%2e%2e/admin/users',
  '/x/..%2fadmin/users',
  '/x%2f../admin/users',
  '/admin;x/users',
  '/admin;/users',
  '/admin/;/users',
  '/admin/users;jsessionid=1',
  '/admin\\users',
  '/x\\..\\admin\\users',
  '/admin/users?',
  '/admin/users?x=/open',
  '/admin/users#/open',
  '/admin/users/.',
  '/admin/%2e/users',
  '/admin/%2e%2e/admin/users',
  '/%252e/admin/users',
  '/admin/users%00',
  '/admin/users%20',
  'http://127.0.0.1/admin/users',
  'http://other.example/admin/users',
  '/admin/',
  '/admin',
]

for (const [name, framework] of Object.entries({ express4, express5 }))
  test(`${name}: 40 spellings of a protected path, and none slips through a mounted router`, async (context) => {
    const served = []
    const app = framework()
    // The guard is mounted as well, so that `url` and `path` have lost what it is mounted at.
    const router = framework.Router()
    router.use(express.verifyToken({ verifier }))
    router.use((request, response) => {
      served.push(request.originalUrl)
      response.send('admin data')
    })
    app.use('/admin', router)
    app.use(express.verifyToken({ verifier }), (_request, response) => response.send('other'))
    const port = await listen(createServer(app))
    const send = (target, token) =>
      new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () =>
          socket.write(
            `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
          ),
        )
        let text = ''
        socket
          .setEncoding('utf8')
          .on('data', (chunk) => {
            text += chunk
          })
          .on('error', reject)
          .on('end', () => resolve(text))
      })
    assert.equal(SPELLINGS.length, 40)
    for (const target of SPELLINGS) {
      const text = await send(target, user)
      assert.ok(!text.includes('admin data'), `${target}: ${text}`)
      assert.match(text, /^HTTP\/1\.1 (200|400|401|403|404) /, target)
    }
    assert.deepEqual(served, [])
    // The route is there, for who may.
    assert.match(await send('/admin/users', admin), /admin data/)
    context.diagnostic(`${SPELLINGS.length} spellings`)
  })

test('the request goes on without the token, with headers of claims, and with its body', async () => {
  const arrived = []
  const upstream = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    arrived.push({ url: request.url, headers: request.headers, method: request.method, body })
    response.end('stored')
  })
  const base = `http://127.0.0.1:${await listen(upstream)}/ignored`
  const proxy = withToken((_request, access) => fetch(access.upstream(base)), { verifier })
  const response = await proxy(
    new Request(`https://gateway.example/v1/write?token=${user}&precision=ms`, {
      method: 'POST',
      body: 'cpu usage=1',
      headers: { 'x-user': 'forged', 'content-type': 'text/plain', te: 'trailers' },
    }),
  )
  assert.equal(await response.text(), 'stored')
  const [{ url, headers, method, body }] = arrived
  assert.deepEqual([url, method, body], ['/v1/write?precision=ms', 'POST', 'cpu usage=1'])
  assert.deepEqual([headers['x-user'], headers['content-type']], ['alice', 'text/plain'])
  assert.equal(headers.te, undefined)
  // A path that begins like an authority stays a path.
  const lenient = createVerifier({
    ...document,
    rules: [{ match: { path: { prefix: '/' } }, paths: 'as_sent', allow: 'authenticated' }],
  })
  const asSent = withToken((_request, access) => fetch(access.upstream(base)), {
    verifier: lenient,
  })
  const bearer = { authorization: `Bearer ${user}` }
  await asSent(new Request('https://gateway.example//evil.example/x', { headers: bearer }))
  assert.equal(arrived[1].url, '//evil.example/x')
})

test('express: `rewrite` changes the request that goes on, at the root and below a mount', async () => {
  const app = express5()
  const guard = express.verifyToken({ verifier, rewrite: true })
  const show = (request, response) =>
    response.json({
      url: request.url,
      user: request.headers['x-user'],
      cookie: request.headers.cookie,
      authorization: request.headers.authorization ?? null,
      raw: request.rawHeaders
        .filter((_, index) => index % 2 === 0)
        .map((name) => name.toLowerCase()),
    })
  app.use('/below', guard, show)
  app.use(guard, show)
  const port = await listen(createServer(app))
  for (const [path, url] of [
    ['/x?token=TOKEN&a=1', '/x?a=1'],
    ['/below/x?a=1&token=TOKEN', '/x?a=1'],
    ['/below?token=TOKEN', '/'],
  ]) {
    const { text } = await ask(port, path.replace('TOKEN', user))
    const shown = JSON.parse(text)
    assert.deepEqual([shown.url, shown.user, shown.authorization], [url, 'alice', null], text)
    assert.ok(shown.raw.includes('x-user') && !shown.raw.includes('authorization'))
  }
})

test('what is used in the wrong order says so, and lets nothing pass', async () => {
  const app = express5()
  app.use(express.requirePermission('edit'), (_request, response) => response.send('slipped'))
  // Express shows the error in its answer.
  app.use((error, _request, response, _next) => response.status(500).send(error.message))
  const { status, text } = await ask(await listen(createServer(app)), '/x', admin)
  assert.equal(status, 500)
  assert.match(text, /after `verifyToken`/)
  const other = new Hono()
  other.use(hono.requirePermission('edit'))
  other.all('/x', (context) => context.text('slipped'))
  other.onError((error, context) => context.text(error.message, 500))
  assert.match(await (await other.request('/x')).text(), /after `verifyToken`/)
})
