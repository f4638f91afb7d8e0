export { ConfigurationError, TokenError, WasmBlockedError, type Reason } from './error.js'
export type { Configuration, From, Jwk, JwkSet, Keys, Operand, Provider, Requirement, Revocation, Rule, Secret, ShortConfiguration } from './configuration.js'
export { remoteBundle, remoteKeySet, type Bundle, type Remote, type RemoteTimes, type Runtime, type SourceFault, type SourceState, type Store } from './remote.js'
export type { Claims, CreateOptions, Decision, DenialResponse, Options, RequestLike, Upstream, UserInformation, VerifiedToken, Verifier } from './verifier.js'
