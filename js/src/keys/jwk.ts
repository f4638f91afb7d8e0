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
