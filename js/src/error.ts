/** Why a token is refused; the codes are the same in Envoy and on the command line. */
export type Reason =
  | 'missing_token'
  | 'invalid_request'
  | 'malformed'
  | 'too_large'
  | 'unsupported_algorithm'
  | 'unsupported_type'
  | 'critical_header'
  | 'unknown_key'
  | 'key_inactive'
  | 'bad_signature'
  | 'claim_missing'
  | 'claim_invalid'
  | 'issuer_mismatch'
  | 'audience_mismatch'
  | 'subject_mismatch'
  | 'expired'
  | 'not_yet_valid'
  | 'lifetime_exceeded'
  | 'revoked'
  | 'decryption_failed'
  | 'proof_of_possession_required'
  | 'insecure_transport'
  | 'no_rule'
  | 'binding_mismatch'
  | 'permission_denied'
  | 'keys_unavailable'
  | 'not_configured'

/**
 * A refused token. It holds nothing of the token. Tell it by `name` or `code`: an application may hold two copies of
 * the class.
 */
export class TokenError extends Error {
  override readonly name = 'TokenError'
  /** Why. */
  readonly code: Reason
  /** The HTTP status to answer with. */
  readonly status: number
  /** The `WWW-Authenticate` challenge (RFC 6750), if one applies. */
  readonly wwwAuthenticate: string | undefined
  /** Whether the same token may be accepted later. */
  readonly retryable: boolean
  /**
   * The claim that is missing, has a wrong form or does not match: its name, or a JSON pointer to one that lies deeper.
   */
  readonly claim: string | undefined

  constructor(
    code: Reason,
    text: string,
    status: number,
    retryable: boolean,
    wwwAuthenticate?: string,
    claim?: string,
    cause?: unknown,
  ) {
    super(text, cause === undefined ? undefined : { cause })
    this.code = code
    this.claim = claim
    this.status = status
    this.retryable = retryable
    this.wwwAuthenticate = wwwAuthenticate
  }
}

/** A fault in the configuration: the place, and what was expected there. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  /** JSON pointer (RFC 6901) into the object given to `createVerifier`. */
  readonly pointer: string
  /** What is wrong there. */
  readonly problem: string

  constructor(pointer: string, problem: string) {
    super(`${pointer || 'the configuration'}: ${problem}`)
    this.pointer = pointer
    this.problem = problem
  }
}

/** What has to change, by where this runs. */
function remedy(): string {
  const { navigator, EdgeRuntime } = globalThis as {
    navigator?: { userAgent?: string }
    EdgeRuntime?: unknown
  }
  const bundled = (condition: string) =>
    `the bundler has to take this package with the condition \`${condition}\`, which brings a module that is compiled at the deployment`
  if (navigator?.userAgent === 'Cloudflare-Workers') return bundled('workerd')
  if (EdgeRuntime !== undefined) return bundled('edge-light')
  return "a page with a Content-Security-Policy needs 'wasm-unsafe-eval' in script-src"
}

/** WebAssembly is not allowed here. */
export class WasmBlockedError extends Error {
  override readonly name = 'WasmBlockedError'
  readonly code = 'wasm_blocked'

  constructor(cause: unknown) {
    super(`WebAssembly cannot be compiled here: ${remedy()}`, { cause })
  }
}
