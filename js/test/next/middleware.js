import { createVerifier } from 'datakit-token'

const verifier = createVerifier(JSON.parse(process.env.DATAKIT_TOKEN_CONFIG))

export async function middleware(request) {
  const decision = await verifier.decide(request)
  if (decision.verdict !== 'deny') return
  const { status, headers, body } = decision.response
  return new Response(body, { status, headers })
}

export const config = { matcher: '/page' }
