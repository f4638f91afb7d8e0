// What each cell runs: one good token and one that has expired, with the package as it is installed.
import { sign } from 'node:crypto'
import { newKey } from '../test/support/key.mjs'

const { publicKey, privateKey } = newKey()
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const issue = (claims) => {
  const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })}.${encode(claims)}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}
const seconds = Math.floor(Date.now() / 1000)
const claims = { iss: 'https://id.example.com', aud: 'api', sub: 'alice', permissions: ['a.b'] }
const config = {
  issuer: claims.iss,
  audience: claims.aud,
  keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }],
}
// Longer than the matrix takes.
const good = issue({ ...claims, exp: seconds + 7200 })
const old = issue({ ...claims, exp: seconds - 7200 })

/** What is right. */
export const EXPECTED = 'ok:alice:true/expired'

const body = `
const verifier = createVerifier(${JSON.stringify(config)})
const verdict = async () => {
  const [good, old] = await Promise.all(${JSON.stringify([good, old])}.map((token) => verifier.safeVerify(token)))
  const shown = good.ok ? 'ok:' + good.token.subject + ':' + good.token.can('a.b') : good.error.code
  return shown + '/' + (old.ok ? 'ok' : old.error.code)
}
`
/** The functions, for whoever says what to do with a verdict. */
export const esm = `import { createVerifier } from 'datakit-token'\n${body}`
export const cjs = `const { createVerifier } = require('datakit-token')\n${body}`
/** The same with what has been imported in another way. */
export const bare = body

/** A program that prints the verdict. */
export const printing = (source) => `${source}verdict().then(console.log)\n`
