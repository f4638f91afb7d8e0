// Somebody who signs tokens, for all measurements.
import { sign } from 'node:crypto'
import { CompactEncrypt, importJWK } from 'jose'
import { newDecryptionKey, newKey } from '../test/support/key.mjs'

export const issuer = 'https://id.example.com'
export const audience = 'https://openway.example.com'
export const type = 'at+jwt'
const now = Math.floor(Date.now() / 1000)
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

export function signer(kid) {
  const { publicKey, privateKey } = newKey()
  return {
    kid,
    privateKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid },
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
  }
}

export function issue({ kid, privateKey }, claims) {
  const signed = `${encode({ alg: 'EdDSA', typ: type, kid })}.${encode({ iss: issuer, aud: audience, iat: now, exp: now + 86_400, ...claims })}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}

/** What a token of ours usually says; differs by its number. */
export const claims = (number) => ({
  sub: `acnt_${String(number).padStart(12, '0')}`,
  jti: `01J8ZQ6T7Y3V5W9X${String(number).padStart(10, '0')}`,
  workspace: 'wksp_5b8d0c7f21e94a63',
  roles: ['general', 'ops'],
  permissions: [
    'ingest.logging',
    'ingest.metric',
    'ingest.tracing',
    'dashboard.read',
    'monitor.read',
  ],
})

/** What all runtimes get. */
export async function fixture(biscuit) {
  const { kid, privateKey, jwk, pem } = signer('k1')
  const tokens = Array.from({ length: 1000 }, (_, number) =>
    issue({ kid, privateKey }, claims(number)),
  )
  const { privateJwk, publicJwk } = newDecryptionKey('e1')
  const receiver = await importJWK(publicJwk, 'ECDH-ES')
  const seal = (token) =>
    new CompactEncrypt(Buffer.from(token))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', kid: 'e1' })
      .encrypt(receiver)
  const [header, payload, signature] = tokens[0].split('.')
  return {
    jwk,
    pem,
    issuer,
    audience,
    type,
    tokens,
    decryption: privateJwk,
    sealedTokens: await Promise.all(tokens.map(seal)),
    message: `${header}.${payload}`,
    signature: [...Buffer.from(signature, 'base64url')],
    biscuit: biscuit && mint(biscuit),
  }
}

/** A biscuit that says the same. */
function mint({ Biscuit, KeyPair }) {
  const pair = new KeyPair()
  const builder = Biscuit.builder()
  const { sub, jti, workspace, roles, permissions } = claims(0)
  const facts = [
    ['issuer', issuer],
    ['audience', audience],
    ['subject', sub],
    ['id', jti],
    ['workspace', workspace],
    ...roles.map((role) => ['role', role]),
    ...permissions.map((permission) => ['permission', permission]),
  ]
  for (const [name, value] of facts) builder.addCode(`${name}(${JSON.stringify(value)})`)
  const end = new Date((now + 86_400) * 1000).toISOString().slice(0, 19)
  builder.addCode(`check if time($time), $time <= ${end}Z`)
  return {
    token: builder.build(pair.getPrivateKey()).toBase64(),
    root: pair.getPublicKey().toString(),
  }
}
