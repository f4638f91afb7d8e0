export { ConfigurationError, TokenError, WasmBlockedError, type Reason } from './error.js'
export type { Configuration, From, Jwk, JwkSet, Provider, Rule, ShortConfiguration } from './configuration.js'
export type { Claims, Decision, Options, RequestLike, VerifiedToken, Verifier } from './verifier.js'
