// What the core says of a token or a request, as JSON.
import { TokenError, type Reason } from './error.js'
import { member } from './member.js'

/** What goes on: the path and the headers. */
interface Upstream {
  path: string
  headers: [string, string][]
}

/** It is refused, or would be. */
export interface Denied {
  verdict: 'deny' | 'observe'
  upstream?: Upstream
  reason: Reason
  claim?: string
  hint?: string
  status: number
  text: string
  retryable: boolean
  response: { status: number; headers: [string, string][]; body: string }
}

/** A good token. */
export interface Allowed {
  verdict: 'allow'
  claims: string
  wide?: [string, string][]
  keyId?: string
  issuer: string
  subject?: string
  roles: string[]
  permissions: string[]
  expiresAt: number
}

/** A request that may go on. */
export interface Passed {
  verdict: 'allow'
  serial?: number
  upstream?: Upstream
}

/** A line of JSON, and after it the claims of an accepted token. */
export function parse(text: string): Allowed | Denied {
  const end = text.indexOf('\n')
  if (end < 0) return JSON.parse(text) as Denied
  const verdict = JSON.parse(text.slice(0, end)) as Allowed
  verdict.claims = text.slice(end + 1)
  return verdict
}

/** A refusal as an error. */
export function refusal(denied: Denied, cause?: unknown): TokenError {
  const challenge = denied.response.headers.find(([name]) => name === 'www-authenticate')?.[1]
  return new TokenError(
    denied.reason,
    messageOf(denied),
    denied.status,
    denied.retryable,
    challenge,
    member(denied, 'claim'),
    cause,
  )
}

/** For logs of the application. */
export function messageOf(denied: Denied): string {
  const hint = member(denied, 'hint')
  return hint === undefined ? denied.text : `${denied.text}: ${hint}`
}

/** Reasons that a fetch may remove. */
export function lacksKeys(reason: Reason): boolean {
  return reason === 'unknown_key' || reason === 'keys_unavailable'
}
