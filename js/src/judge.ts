// One verifier of the core: what it is asked, and its answers as what callers get.
import type { RefusedDecision, Decision } from './decision.js'
import type { Reason, TokenError } from './error.js'
import { freeze } from './freeze.js'
import { member } from './member.js'
import { TokenCache, verified, type VerifiedToken } from './token.js'
import {
  lacksKeys,
  messageOf,
  parse,
  refusal,
  type Allowed,
  type Denied,
  type Passed,
} from './verdict.js'
import { output, TokenInput, type CoreVerifier } from './wasm/core.js'

/**
 * @internal Judges tokens and requests with the keys that are there. Times are seconds since 1970, and have been read
 * before: between what is written into the core and its verdict nothing of the caller's may run.
 */
export class Judge<C> {
  readonly #core: CoreVerifier
  readonly #input: TokenInput
  readonly #kept: TokenCache<C>
  readonly #cause: () => unknown
  #freed = false

  /** `cause` tells why keys are not there, if anybody knows. */
  constructor(core: CoreVerifier, cause: () => unknown) {
    this.#core = core
    this.#input = new TokenInput(core)
    this.#kept = new TokenCache(core)
    this.#cause = cause
  }

  /** Throws if the memory of the core has been given back. */
  alive(): void {
    if (this.#freed) throw new Error('the verifier has been freed')
  }

  /** Gives the memory of the core back. */
  free(): void {
    if (this.#freed) return
    this.#freed = true
    this.#core.free()
  }

  /** The token, or why it is refused. */
  token(token: string | undefined | null, now: number): VerifiedToken<C> | TokenError {
    if (token === undefined || token === null) return this.refuse('missing_token')
    if (typeof token !== 'string') return this.refuse('malformed')
    const serial = this.#core.verify(this.#input.write(token), now)
    const known = this.#kept.get(serial)
    if (known) return known
    const verdict = parse(output(this.#core, this.#core.verdict()))
    return verdict.verdict === 'allow'
      ? this.#keep(serial, verdict)
      : refusal(verdict, lacksKeys(verdict.reason) ? this.#cause() : undefined)
  }

  /** A refusal as the core words it. */
  refuse(code: Reason, cause?: unknown): TokenError {
    return refusal(this.#denial(code), cause)
  }

  /** What to do with a request that is refused after all. */
  refuseRequest(request: string, code: Reason): RefusedDecision {
    this.alive()
    return this.#refused(
      JSON.parse(output(this.#core, this.#core.refuse_request(request, code))) as Denied,
    )
  }

  /** The place of the rule that is for a request. */
  ruleOf(request: string): number | undefined {
    this.alive()
    return this.#core.rule_of(request)
  }

  /** What to do with a request, which `serializeRequest` has written. */
  request(request: string, now: number): Decision<C> {
    const verdict = JSON.parse(output(this.#core, this.#core.decide(request, now))) as
      | Passed
      | Denied
    const upstream = member(verdict, 'upstream')
    if (verdict.verdict === 'allow' && upstream)
      return freeze({ verdict: 'allow', token: this.#tokenOf(verdict), upstream })
    // The core may have kept the token of a denied request in the place of others.
    this.#kept.forget()
    return this.#refused(verdict as Denied)
  }

  #refused(denied: Denied): RefusedDecision {
    const { verdict, reason, status, response } = denied
    const refused = {
      reason,
      claim: member(denied, 'claim'),
      message: messageOf(denied),
      status,
      response,
    }
    const upstream = member(denied, 'upstream')
    if (verdict === 'observe' && upstream)
      return freeze({ verdict: 'observe', ...refused, upstream })
    return freeze({ verdict: 'deny', ...refused })
  }

  /** The token of a request that may go on; none if its rule asks for none. */
  #tokenOf(passed: Passed): VerifiedToken<C> | undefined {
    const serial = member(passed, 'serial')
    if (serial === undefined) return undefined
    const known = this.#kept.get(serial)
    return known ?? this.#keep(serial, parse(output(this.#core, this.#core.verdict())) as Allowed)
  }

  #keep(serial: number, verdict: Allowed): VerifiedToken<C> {
    const token = verified<C>(verdict, this.#grants, this.#refuseFor)
    return this.#kept.add(serial, token)
  }

  readonly #grants = (roles: readonly string[], permission: string): boolean => {
    this.alive()
    return this.#core.grants(roles.join('\n'), permission)
  }

  readonly #refuseFor = (code: Reason, claim?: string): TokenError =>
    refusal({ ...this.#denial(code), ...(claim !== undefined && { claim }) })

  #denial(code: Reason): Denied {
    this.alive()
    return parse(output(this.#core, this.#core.refuse(code))) as Denied
  }
}
