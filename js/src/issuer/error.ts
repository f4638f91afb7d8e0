/** Why something is not signed or kept. It shows nothing that is secret. */
export type IssuerErrorCode =
  | 'invalid_argument'
  | 'invalid_key_ring'
  | 'no_signer'
  | 'outlives_key'
  | 'too_large'
  | 'too_many_keys'
  | 'key_id_in_use'
  | 'key_id_revoked'

/** What an issuer refuses to do: because of what was handed over, or because no verifier would take the result. */
export class IssuerError extends Error {
  override readonly name = 'IssuerError'
  /** Why. */
  readonly code: IssuerErrorCode

  constructor(code: IssuerErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** @internal The place, and what was expected there. */
export const expected = (place: string, what: string, code: IssuerErrorCode = 'invalid_argument') =>
  new IssuerError(code, `${place}: expected ${what}`)
