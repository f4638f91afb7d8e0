// Whole token to verdict against the bare signature check of node:crypto, interleaved in one run.
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { createVerifier } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)('datakit-token')
const now = 1790000000
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const claims = { iss: 'https://id.example.com', aud: 'api', sub: 'acnt_7f3a', iat: now, exp: now + 600, jti: '01J', roles: ['general'], permissions: ['ingest.logging'] }
const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })}.${encode(claims)}`
const signature = sign(null, Buffer.from(signed), privateKey)
const token = `${signed}.${signature.toString('base64url')}`
const verifier = createVerifier({ issuer: claims.iss, audience: 'api', keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] })
const message = Buffer.from(signed)
const rivals = {
  'datakit-token verifySync': () => verifier.verifySync(token, { now }),
  'node:crypto verify (signature only)': () => verify(null, message, publicKey, signature),
}
const times = Object.fromEntries(Object.keys(rivals).map((name) => [name, []]))
const CALLS = 200
for (let round = -2; round < 21; round++) {
  for (const [name, run] of Object.entries(rivals)) {
    const start = process.hrtime.bigint()
    for (let call = 0; call < CALLS; call++) run()
    const microseconds = Number(process.hrtime.bigint() - start) / 1000 / CALLS
    if (round >= 0) times[name].push(microseconds)
  }
}
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]
const base = median(times['node:crypto verify (signature only)'])
const table = Object.entries(times).map(([name, list]) => ({ name, microseconds: Number(median(list).toFixed(1)), ratio: Number((median(list) / base).toFixed(2)) }))
console.table(table)
writeFileSync(process.env.DATAKIT_TOKEN_BENCH, JSON.stringify({ node: process.version, rounds: 21, table }, null, 1))
