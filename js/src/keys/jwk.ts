/** A public Ed25519 key (RFC 8037). */
export interface Jwk {
  kty: string
  crv?: string
  kid?: string
  x?: string
  [member: string]: unknown
}

/** A JWK Set (RFC 7517). */
export interface JwkSet {
  keys: readonly Jwk[]
}

/** A private X25519 key (RFC 8037) that tokens are encrypted for. */
export interface PrivateJwk {
  kty: string
  crv: string
  /** Chooses the key. */
  kid: string
  x: string
  d: string
  [member: string]: unknown
}

/** A JWK Set (RFC 7517) of private keys. */
export interface PrivateJwkSet {
  keys: readonly PrivateJwk[]
}
