// Tokens of better-auth, in process: EdDSA by default, and without `typ`.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { after, test } from 'node:test'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'

const { createVerifier, remoteKeySet } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)(
  'datakit-token',
)

test('a token of better-auth passes with `allow_missing_type`, and is told about it without', {
  timeout: 60_000,
}, async () => {
  let handler
  const server = createServer((request, response) => handler(request, response))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const baseURL = `http://127.0.0.1:${server.address().port}`
  const auth = betterAuth({
    baseURL,
    secret: 'a secret of this test alone, and of no use elsewhere',
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    database: memoryAdapter({ user: [], session: [], account: [], verification: [], jwks: [] }),
    plugins: [jwt()],
  })
  handler = toNodeHandler(auth)
  const ask = (path, init) => fetch(`${baseURL}/api/auth${path}`, init)
  const signedUp = await ask('/sign-up/email', {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: baseURL },
    body: JSON.stringify({
      name: 'Alice',
      email: 'alice@example.com',
      password: 'correct horse battery',
    }),
  })
  assert.equal(signedUp.status, 200, await signedUp.clone().text())
  const cookie = signedUp.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
  const { token } = await (await ask('/token', { headers: { cookie } })).json()
  const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))
  assert.deepEqual(
    [header.alg, header.typ],
    ['EdDSA', undefined],
    'better-auth writes another header now',
  )
  const config = {
    issuer: baseURL,
    audience: baseURL,
    keys: remoteKeySet(`${baseURL}/api/auth/jwks`),
  }
  const refused = await createVerifier(config).safeVerify(token)
  assert.equal(refused.error.code, 'unsupported_type')
  assert.match(refused.error.message, /no `typ`; accepted: at\+jwt; `allow_missing_type`/)
  const taken = await createVerifier({ ...config, allow_missing_type: true }).verify(token)
  assert.equal(taken.claims.email, 'alice@example.com')
  const forged = await createVerifier({ ...config, allow_missing_type: true }).safeVerify(
    token.replace(
      /\.[\w-]+$/,
      (signature) => `.${signature[1] === 'A' ? 'B' : 'A'}${signature.slice(2)}`,
    ),
  )
  assert.equal(forged.error.code, 'bad_signature')
})
