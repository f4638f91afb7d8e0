import { withToken } from 'datakit-token/next'
import { getVerifier } from '../../verifier.js'

export const runtime = 'edge'

export const GET = withToken(
  (_request, { token }) =>
    new Response(`${typeof EdgeRuntime}: ${token.subject} ${token.can('a.b')}`),
  { verifier: getVerifier },
)
