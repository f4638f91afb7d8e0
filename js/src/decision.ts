// What to do with a request.
import type { Claims } from './claims.js'
import type { Reason } from './error.js'
import type { VerifiedToken } from './token.js'

/** The request that goes on: the same with its edits made. */
export interface Upstream {
  readonly path: string
  readonly headers: readonly (readonly [string, string])[]
}

/** The answer to a denied request. */
export interface DenialResponse {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** Why a request is refused. */
export interface Refusal {
  readonly reason: Reason
  /**
   * The claim that is missing, has a wrong form or does not match: its name, or a JSON pointer to one that lies deeper.
   */
  readonly claim: string | undefined
  /** For logs of the application: what is wrong, and what the configuration accepts. Nothing of the token is in it. */
  readonly message: string
}

/** A rule of the configuration, or of its presets. */
export interface RuleReference {
  /** JSON pointer (RFC 6901) into the object given to `createVerifier`; `undefined` for a rule of a preset. */
  readonly pointer: string | undefined
  /** Its `name`, if it has one there. */
  readonly name: string | undefined
}

/** A request that is refused, or would be. */
export type RefusedDecision =
  | ({
      readonly verdict: 'deny'
      readonly status: number
      readonly response: DenialResponse
    } & Refusal)
  /** It would be denied, but the configuration says `"mode": "observe"`: let it go on. */
  | ({
      readonly verdict: 'observe'
      readonly status: number
      readonly response: DenialResponse
      readonly upstream: Upstream
    } & Refusal)

/** What to do with a request. */
export type Decision<C = Claims> =
  /** `token` is there unless the rules ask for none. */
  | {
      readonly verdict: 'allow'
      readonly token: VerifiedToken<C> | undefined
      readonly upstream: Upstream
    }
  | RefusedDecision
