// A page without a bundler: it shows what the user may do. Whether they may, the server decides on each request.
import { createVerifier, remoteKeySet } from './node_modules/datakit-token/dist/index.mjs'

const verifier = createVerifier({
  issuer: 'https://id.example.com',
  audience: 'https://api.example.com',
  keys: remoteKeySet(new URL('jwks.json', location.href)),
})
// The server hands a short-lived token to its own page; the one that opens the API stays in a cookie that no script
// reads (docs/security.md).
const token = await (await fetch('token')).text()
const result = await verifier.safeVerify(token)
document.querySelector('#who').textContent = result.ok
  ? `You are ${result.token.subject}.`
  : `Please sign in again (${result.error.code}).`
document.querySelector('#edit').hidden = !(result.ok && result.token.can('note.write'))
