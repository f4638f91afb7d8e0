export { ConfigurationError, TokenError, WasmBlockedError, type Reason } from './error.js'
export type {
  Configuration,
  From,
  Keys,
  Operand,
  Provider,
  Requirement,
  Revocation,
  Rule,
  Secret,
  ShortConfiguration,
} from './configuration/document.js'
export type { Jwk, JwkSet, PrivateJwk, PrivateJwkSet } from './keys/jwk.js'
export {
  remoteBundle,
  remoteKeySet,
  type Bundle,
  type Remote,
  type RemoteTimes,
  type Runtime,
  type SourceFault,
  type SourceState,
  type Store,
} from './keys/remote.js'
export type { NodeRequest, RequestLike, RequestParts } from './request.js'
export type { Claims, UserInformation } from './claims.js'
export type {
  Decision,
  DenialResponse,
  Refusal,
  RefusedDecision,
  RuleReference,
  Upstream,
} from './decision.js'
export type { VerifiedToken } from './token.js'
export { decodeUnverified, type UnverifiedToken } from './unverified.js'
export type { DecisionEntry, FaultEntry, Log, LogEntry } from './log.js'
export type { IsRevoked } from './revocation.js'
export type { ConfigurationWarning, CreateOptions, Options, Verifier } from './verifier.js'
