// What each of the three does with a request: verify its token, and say who it is.
import { createVerifier } from 'datakit-token'

let verifier

export async function verdict(request) {
  verifier ??= createVerifier(JSON.parse(process.env.DATAKIT_TOKEN_CONFIG))
  const result = await verifier.safeVerify(
    request.headers.get('authorization')?.slice('Bearer '.length),
  )
  return result.ok ? `${result.token.subject} ${result.token.can('a.b')}` : result.error.code
}
