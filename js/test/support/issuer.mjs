// Somebody who signs tokens, and a server on loopback for the keys.
import { sign } from 'node:crypto'
import { createServer } from 'node:http'
import { after } from 'node:test'
import { newKey } from './key.mjs'

export const issuer = 'https://id.example.com'
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
export const key = (kid) => {
  const { publicKey, privateKey } = newKey()
  return { jwk: { ...publicKey.export({ format: 'jwk' }), kid }, privateKey, kid }
}
const jws = (signer, typ, payload) => {
  const signed = `${encode({ alg: 'EdDSA', typ, kid: signer.kid })}.${encode(payload)}`
  return `${signed}.${sign(null, Buffer.from(signed), signer.privateKey).toString('base64url')}`
}
export const seconds = () => Math.floor(Date.now() / 1000)
export const issue = (signer, claims = {}) =>
  jws(signer, 'at+jwt', {
    iss: issuer,
    aud: 'api',
    iat: seconds(),
    exp: seconds() + 600,
    jti: 'j1',
    ...claims,
  })
export const bundle = (signer, members) =>
  jws(signer, 'keybundle+jwt', {
    iss: issuer,
    seq: 1,
    iat: seconds(),
    exp: seconds() + 3600,
    rules: [],
    roots: ['root'],
    ...members,
  })
export const set = (...keys) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })

const documents = new Map()
const server = createServer((request, response) => documents.get(request.url)(request, response))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
after(() => {
  server.closeAllConnections()
  server.close()
})

/** A document of its own for each test. */
export function serve(body, type = 'application/json') {
  const path = `/${documents.size + 1}`
  const document = {
    url: `http://127.0.0.1:${server.address().port}${path}`,
    body,
    type,
    fetches: 0,
    headers: {},
    answer: undefined,
  }
  documents.set(path, (request, response) => {
    document.fetches++
    document.request = request
    if (document.answer) return document.answer(request, response)
    response
      .writeHead(200, { 'content-type': document.type, ...document.headers })
      .end(document.body)
  })
  return document
}
