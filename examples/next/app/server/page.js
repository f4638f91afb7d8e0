// A server component: it sees the token, and shows what it says.
import { headers } from 'next/headers'
import { getVerifier } from '../../verifier.js'

export const dynamic = 'force-dynamic'

export default async function Page() {
  const token = (await headers()).get('authorization')?.slice('Bearer '.length)
  const result = await getVerifier().safeVerify(token)
  return <p>{result.ok ? `server: ${result.token.subject}` : `server: ${result.error.code}`}</p>
}
