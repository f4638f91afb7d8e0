// What happens, for the application's own log and counters.
import type { Decision, RuleReference } from './decision.js'
import { TokenError, type Reason } from './error.js'
import type { SourceFault } from './keys/remote.js'
import { bare } from './member.js'
import type { VerifiedToken } from './token.js'

/** What was decided about a token or a request. Nothing in it is a secret, and nothing is the token's text. */
export interface DecisionEntry {
  /** What was asked: `verify` for the three that take a token, `decide` for the two that take a request. */
  readonly event: 'verify' | 'decide'
  readonly verdict: 'allow' | 'deny' | 'observe'
  /** `ok` if it is allowed. */
  readonly reason: Reason | 'ok'
  /** The claim that is missing, has a wrong form or does not match. */
  readonly claim: string | undefined
  /** What is wrong. */
  readonly message: string | undefined
  /** The rule that is for the request; `undefined` of `verify`, and if there is none. */
  readonly rule: RuleReference | undefined
  /** Of a good token, which a rule may ask for or not. */
  readonly issuer: string | undefined
  readonly subject: string | undefined
  readonly keyId: string | undefined
}

/** Keys could not be fetched, or not be kept. */
export interface FaultEntry {
  readonly event: 'fault'
  readonly fault: SourceFault
}

/** A line for a log. */
export type LogEntry = DecisionEntry | FaultEntry

/** Takes lines, at once; what it throws is dropped, for a log must not decide. */
export type Log = (entry: LogEntry) => void

/** @internal Writes lines, if somebody wants them. */
export class Logger {
  readonly #log: Log | undefined

  constructor(log: Log | undefined) {
    this.#log = log
  }

  /** The same result. */
  verified<C, R extends VerifiedToken<C> | TokenError>(result: R): R {
    if (this.#log === undefined) return result
    if (result instanceof TokenError) {
      const { code, claim, message } = result
      this.#decided('verify', 'deny', code, { claim, message })
    } else this.#decided('verify', 'allow', 'ok', { token: result })
    return result
  }

  /** The same decision; `ruleOf` finds the rule, which costs something. */
  decided<C>(decision: Decision<C>, ruleOf: () => RuleReference | undefined): Decision<C> {
    if (this.#log === undefined) return decision
    const rule = ruleOf()
    if (decision.verdict === 'allow')
      this.#decided('decide', 'allow', 'ok', { token: decision.token, rule })
    else {
      const { verdict, reason, claim, message } = decision
      this.#decided('decide', verdict, reason, { claim, message, rule })
    }
    return decision
  }

  fault(fault: SourceFault): void {
    this.#write({ event: 'fault', fault })
  }

  #decided<C>(
    event: 'verify' | 'decide',
    verdict: 'allow' | 'deny' | 'observe',
    reason: Reason | 'ok',
    more: {
      claim?: string | undefined
      message?: string
      rule?: RuleReference | undefined
      token?: VerifiedToken<C> | undefined
    },
  ): void {
    const { claim, message, rule, token } = bare(more)
    const { issuer, subject, keyId } = token ?? bare<Partial<VerifiedToken<C>>>({})
    this.#write({ event, verdict, reason, claim, message, rule, issuer, subject, keyId })
  }

  #write(entry: LogEntry): void {
    try {
      this.#log?.(Object.freeze(entry))
    } catch {
      // See `Log`.
    }
  }
}
