// Requests as servers hand them over: Node's http and http2, Express 4 and 5, Fastify, and what Koa wraps, over real
// connections.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { connect as connect2, createServer as createServer2 } from 'node:http2'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import express4 from 'express4'
import express5 from 'express5'
import fastify from 'fastify'
import { issue, issuer, key } from './support/issuer.mjs'

const { createVerifier } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)('datakit-token')
const k1 = key('k1')
const verifier = createVerifier({
  issuer,
  audience: 'api',
  keys: [k1.jwk],
  from: { headers: [{ name: 'authorization', scheme: 'Bearer' }], params: ['token'] },
  rules: [
    { match: { path: { prefix: '/admin' } }, require: { permission: 'admin' } },
    { match: {}, allow: 'authenticated' },
  ],
})
const user = issue(k1)
const admin = issue(k1, { permissions: ['admin'] })

/** Each framework: answers what `decide` says of its own request, also behind a router that is mounted at /admin. */
const servers = {
  async node() {
    return createServer(async (request, response) =>
      answer(await verifier.decide(request), response),
    )
  },
  async koa() {
    // Koa's context has `req`, and getters that leave out things.
    return createServer(async (req, response) =>
      answer(
        await verifier.decide({
          req,
          originalUrl: req.url,
          url: '/changed',
          method: req.method,
          headers: {},
        }),
        response,
      ),
    )
  },
  express4: async () => createServer(mounted(express4)),
  express5: async () => createServer(mounted(express5)),
  async fastify() {
    const app = fastify()
    const handler = async (request, reply) => {
      const decision = await verifier.decide(request)
      return reply.code(decision.status ?? 200).send(decision.upstream?.path ?? decision.reason)
    }
    app.register(async (inner) => inner.all('/*', handler), { prefix: '/admin' })
    app.all('/*', handler)
    await app.ready()
    return app.server
  },
}

function answer(decision, response) {
  response.writeHead(decision.status ?? 200).end(decision.upstream?.path ?? decision.reason)
}

function mounted(express) {
  const app = express()
  const handler = async (request, response, next) => {
    try {
      answer(await verifier.decide(request), response)
    } catch (error) {
      next(error)
    }
  }
  const router = express.Router()
  router.use(handler)
  app.use('/admin', router)
  app.use(handler)
  return app
}

/** What a server answers to exactly these lines. */
function send(port, lines) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${lines.join('\r\n')}\r\nHost: gateway.example\r\nConnection: close\r\n\r\n`),
    )
    let text = ''
    socket
      .on('data', (chunk) => {
        text += chunk
      })
      .on('error', reject)
      .on('end', () => resolve([Number(text.split(' ')[1]), text.split('\r\n\r\n')[1]]))
  })
}

for (const [name, make] of Object.entries(servers)) {
  test(`${name}: its own request, also behind a mounted router`, { timeout: 20_000 }, async () => {
    const server = await make()
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    after(() => server.close())
    const ask = async (target, ...headers) => {
      const [status, body] = await send(server.address().port, [
        `GET ${target} HTTP/1.1`,
        ...headers,
      ])
      // Some frame what they say.
      return [status, body.replace(/^[0-9a-f]+\r\n([\s\S]*?)\r\n0$/, '$1')]
    }
    const bearer = (token) => `Authorization: Bearer ${token}`
    assert.deepEqual(await ask('/users?x=%2F&&', bearer(user)), [200, '/users?x=%2F&&'])
    assert.deepEqual(await ask('/users'), [401, 'missing_token'])
    assert.deepEqual(await ask('/users', bearer('x')), [401, 'malformed'])
    assert.deepEqual(await ask(`/users?token=${user}&a=1`), [200, '/users?a=1'])
    // The router sees `/users`; the rule is about what was sent.
    assert.deepEqual(await ask('/admin/users', bearer(user)), [403, 'permission_denied'])
    assert.deepEqual(await ask('/admin/users', bearer(admin)), [200, '/admin/users'])
    // Node keeps the first of two; a proxy may have looked at the second.
    assert.deepEqual(await ask('/users', bearer(user), bearer(admin)), [400, 'invalid_request'])
    // Whatever the server itself makes of it: nobody gets past the rule.
    assert.notEqual((await ask('http://gateway.example/admin/users', bearer(user)))[0], 200)
  })
}

test('http2: its own request', { timeout: 20_000 }, async () => {
  const server = createServer2(async (request, response) =>
    answer(await verifier.decide(request), response),
  )
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect2(`http://127.0.0.1:${server.address().port}`)
  after(() => {
    client.destroy()
    server.close()
  })
  const ask = (path, headers = {}) =>
    new Promise((resolve, reject) => {
      const stream = client.request({ ':path': path, ...headers })
      let [status, text] = [0, '']
      stream
        .setEncoding('utf8')
        .on('response', (head) => {
          status = head[':status']
        })
        .on('data', (chunk) => {
          text += chunk
        })
        .on('end', () => resolve([status, text]))
        .on('error', reject)
    })
  assert.deepEqual(await ask('/users', { authorization: `Bearer ${user}` }), [200, '/users'])
  assert.deepEqual(await ask('/users'), [401, 'missing_token'])
  assert.deepEqual(await ask('/admin', { authorization: `Bearer ${user}` }), [
    403,
    'permission_denied',
  ])
})

test('a relative `url` by itself is refused with a word about originalUrl', async () => {
  const relative = { method: 'GET', url: '/users', headers: { authorization: `Bearer ${user}` } }
  assert.throws(() => verifier.decideSync(relative), {
    name: 'TypeError',
    message: /`originalUrl`/,
  })
  await assert.rejects(verifier.decide(relative), { name: 'TypeError', message: /`originalUrl`/ })
  assert.equal(
    (await verifier.decide({ ...relative, url: undefined, path: '/users' })).verdict,
    'allow',
  )
  assert.equal(
    (await verifier.decide({ ...relative, url: 'https://gateway.example/users' })).verdict,
    'allow',
  )
})
