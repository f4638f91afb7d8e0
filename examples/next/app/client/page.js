// A client component: hints about what to show. The public configuration is handed to the page by the server.
import { Hints } from './hints.js'

export const dynamic = 'force-dynamic'

export default function Page() {
  const { issuer, audience, keys, clock_skew } = JSON.parse(process.env.DATAKIT_TOKEN_CONFIG)
  return <Hints config={{ issuer, audience, keys, clock_skew }} />
}
