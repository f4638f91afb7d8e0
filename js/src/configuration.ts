/** A public Ed25519 key (RFC 8037). */
export interface Jwk { kty: string; crv?: string; kid?: string; x?: string; [member: string]: unknown }

/** A JWK Set (RFC 7517). */
export interface JwkSet { keys: readonly Jwk[] }

/** Where a token may sit in a request. */
export interface From {
  headers?: readonly { name: string; scheme?: string }[]
  params?: readonly string[]
}

interface ProviderOptions {
  algorithms?: readonly ('EdDSA' | 'Ed25519')[]
  /** Accepted `typ` headers; `at+jwt` if absent. */
  types?: readonly string[]
  required_claims?: readonly string[]
  /** `30s` if absent, at most `300s`. */
  clock_skew?: string
  max_lifetime?: string
  max_age?: string
  from?: From
  forward?: boolean
  claims_to_headers?: readonly { claim: string; header: string; format?: 'text' | 'csv' | 'json' | 'base64url' }[]
}

/** One issuer and the tokens to accept from it. */
export interface Provider extends ProviderOptions {
  name: string
  issuer: string
  audiences: readonly string[]
  keys: { inline: JwkSet }
}

/** Which requests need what; first match wins, no match is a denial. */
export interface Rule {
  match: { path: { prefix: string } }
  require: { permission: string }
}

interface Common {
  rules?: readonly Rule[]
  responses?: { realm?: string; retry_after?: string }
  limits?: { token_bytes?: number }
}

/** The whole configuration, the same document that the Envoy filter reads. */
export interface Configuration extends Common { version: 1; providers: readonly Provider[] }

/** The configuration of one provider. */
export interface ShortConfiguration extends ProviderOptions, Common {
  issuer: string
  audience: string | readonly string[]
  keys: JwkSet | readonly Jwk[]
}

const COMMON = ['rules', 'responses', 'limits']

/** The document for the core, and how to turn a pointer into it into one into what the caller wrote. */
export function document(config: Configuration | ShortConfiguration): { json: string; pointer: (pointer: string) => string } {
  if (typeof config !== 'object' || config === null || 'providers' in config || 'version' in config) {
    return { json: JSON.stringify(config) ?? 'null', pointer: (pointer) => pointer }
  }
  const { audience, keys, ...rest } = config
  const provider: Record<string, unknown> = { name: 'default' }
  const whole: Record<string, unknown> = { version: 1, providers: [provider] }
  for (const [name, value] of Object.entries(rest)) (COMMON.includes(name) ? whole : provider)[name] = value
  if (audience !== undefined) provider['audiences'] = Array.isArray(audience) ? audience : [audience]
  const list = Array.isArray(keys)
  if (keys !== undefined) provider['keys'] = { inline: list ? { keys } : keys }
  const pointer = (pointer: string) => pointer
    .replace(/^\/providers\/0(?=\/|$)/, '')
    .replace(/^\/audiences(?=\/|$)/, '/audience')
    .replace(/^\/keys\/inline(?=\/|$)/, '/keys')
    .replace(/^\/keys\/keys(?=\/|$)/, list ? '/keys' : '/keys/keys')
  return { json: JSON.stringify(whole), pointer }
}
