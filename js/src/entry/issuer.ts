// For programs that issue tokens. Nothing of the core is in it.
export {
  createIssuer,
  createKeyRing,
  type IssuedToken,
  type Issuer,
  type IssuerOptions,
  type IssuerTime,
  type Rotation,
} from '../issuer/issuer.js'
export type { ClaimValue, TokenRequest } from '../issuer/claims.js'
export { IssuerError, type IssuerErrorCode } from '../issuer/error.js'
export type { KeyRing, PublicJwk, SigningJwk, StoredKey } from '../issuer/key_ring.js'
