// What has become of each check.
import type { Reason } from '../error.js'
import { CHECKS, CHECK_OF, type Check, type CheckName } from './checks.js'

export type Verdict = 'passed' | 'failed' | 'not reached' | 'not asked'

export interface Judged {
  readonly name: CheckName
  readonly title: string
  readonly verdict: Verdict
}

/** How far somebody has come: through all checks, up to one, or nobody has asked. */
export type Outcome = 'passed' | 'not asked' | { readonly failed: CheckName }

/** What is looked at in a token without a signature. */
const OPAQUE: readonly CheckName[] = ['size', 'end', 'revocation', 'age of the keys']

/** Each check with its verdict, in their order. */
export function judge(
  token: Outcome,
  request: Outcome,
  isAsked: (check: Check & { readonly name: CheckName }) => boolean,
): readonly Judged[] {
  const place = (name: CheckName) => CHECKS.findIndex((check) => check.name === name)
  return CHECKS.map((check, index) => {
    const outcome = check.about === 'token' ? token : request
    const named = { name: check.name, title: check.title }
    if (outcome === 'not asked') return { ...named, verdict: outcome }
    const failed = outcome === 'passed' ? CHECKS.length : place(outcome.failed)
    if (index === failed) return { ...named, verdict: 'failed' }
    if (!isAsked(check)) return { ...named, verdict: 'not asked' }
    return { ...named, verdict: index < failed ? 'passed' : 'not reached' }
  })
}

/** Whether a check is made for this configuration, whose parts these are. */
export function isAskedBy(
  parts: readonly object[],
  isOpaque: boolean,
  areClaimsBelieved: boolean,
): (check: Check & { readonly name: CheckName }) => boolean {
  return ({ name, about, settings }) => {
    if (isOpaque && about === 'token' && !OPAQUE.includes(name)) return false
    if (areClaimsBelieved && (name === 'issuer' || name === 'audience')) return false
    return settings?.some((member) => parts.some((part) => Object.hasOwn(part, member))) ?? true
  }
}

/**
 * How far a request has come. `isTokenGood` says that it brought a good one: what is said of claims then is said where
 * a rule asks for them, or a header takes them.
 */
export function outcomeOfRequest(code: Reason, isTokenGood: boolean, hasCookie: boolean): Outcome {
  if (isTokenGood && (code === 'claim_missing' || code === 'claim_invalid'))
    return { failed: 'permission' }
  // A cookie from another origin has this reason as well, before there is a rule.
  if (code === 'binding_mismatch' && hasCookie) return { failed: 'request' }
  return { failed: CHECK_OF[code] }
}
