import { ConfigurationError, type Reason } from '../error.js'
import type { Jwk, JwkSet, PrivateJwkSet } from '../keys/jwk.js'
import { bare, has, member } from '../member.js'
import type { Bundle, Remote } from '../keys/remote.js'

/** An object with exactly one of these members. */
type One<T> = {
  [Name in keyof T]: { [Only in Name]: T[Only] } & { [Other in Exclude<keyof T, Name>]?: never }
}[keyof T]

/** Where a token may sit in a request. */
export interface From {
  /** A value that begins with `placeholder` is no token if another place has one. */
  headers?: readonly { name: string; scheme?: string; placeholder?: string }[]
  params?: readonly (string | { name: string; placeholder?: string })[]
  cookies?: readonly string[]
  /** Origins whose pages may send the cookies with methods that change something, besides the server's own. */
  cookie_origins?: readonly string[]
}

/** A secret, or the variable of the environment that has it. */
export type Secret = One<{ value: string; env: string }>

interface ProviderOptions {
  /** Accepted `sub`; any if absent. */
  subjects?: readonly One<{ exact: string; prefix: string }>[]
  algorithms?: readonly ('EdDSA' | 'Ed25519')[]
  /** Accepted `typ` headers; `at+jwt` if absent. */
  types?: readonly string[]
  /** Takes tokens that have no `typ` as well, of whatever kind they are: see docs/strictness.md. */
  allow_missing_type?: boolean
  required_claims?: readonly string[]
  /** JSON pointers to what authorisation looks at; `/roles`, `/permissions`, `/scope`, `/workspace` if absent. */
  claims?: { roles?: string; permissions?: string; scope?: string; workspace?: string }
  /** `30s` if absent, at most `300s`. */
  clock_skew?: string
  max_lifetime?: string
  max_age?: string
  revocations?: readonly Revocation[]
  /** Encrypted tokens as well (JWE), or alone; `datakit-token/sealed` opens them. */
  encryption?: {
    /** Refuses tokens that are not encrypted; `false` if absent. */
    required?: boolean
    /** The private keys, or the variable of the environment that has their JWK Set. */
    keys: One<{ inline: PrivateJwkSet; env: string }>
  }
  /** Tokens without a signature, each with an end, while clients are moved to signed ones. */
  opaque_tokens?: readonly {
    token: Secret
    expires_at: number
    subject?: string
    workspace?: string
    roles?: readonly string[]
    permissions?: readonly string[]
  }[]
  from?: From
  forward?: boolean
  /** Puts the secret of the token's workspace in the token's place, or in another one. */
  swap?: { secrets: Readonly<Record<string, Secret>>; to?: One<{ header: string; param: string }> }
  claims_to_headers?: readonly {
    claim: string
    header: string
    format?: 'text' | 'csv' | 'json' | 'base64url'
    non_ascii?: 'omit' | 'percent' | 'utf8'
  }[]
}

/** Where keys come from: exactly one of these. */
export type Keys = One<{ inline: JwkSet; remote: Remote; bundle: Bundle }>

/** Tokens with these claims are refused; see the rules of trust bundles. */
export type Revocation = {
  /** In force from this second on; at once if absent. */
  from?: number
} & (
  | {
      /** Claims by name or JSON pointer. */
      match: Readonly<Record<string, string | number | boolean>>
      /** Only tokens with a lower `iat`, or none. */
      issued_before?: number
      header?: never
      all?: never
    }
  | {
      header: { kid: string }
      match?: Readonly<Record<string, string | number | boolean>>
      /** Whoever holds a leaked key chooses `iat`. */
      issued_before?: never
      all?: never
    }
  | {
      all: true
      issued_before?: number
      match?: never
      header?: never
    }
)

/** One issuer and the tokens to accept from it. */
export interface Provider extends ProviderOptions {
  name: string
  issuer: string
  audiences: readonly string[]
  keys: Keys
}

/** Which requests need what; first match wins, no match is a denial. */
export type Rule = {
  name?: string
  match: {
    /** `*.example.com` stands for one more label. */
    hosts?: readonly string[]
    methods?: readonly string[]
    /** In a template `{name}` stands for one segment and `**` at the end for the rest. */
    path?: One<{ exact: string; prefix: string; template: string }>
    cors_preflight?: boolean
  }
  /** `as_sent` takes all spellings that stay below `match.path.prefix`, and lets them go on as they are. */
  paths?: 'strict' | 'as_sent'
} & (
  | { require: Requirement; allow?: never }
  | {
      /** A good token; also none; or no look at the token at all. */
      allow: 'authenticated' | 'anyone' | 'unchecked'
      require?: never
    }
)

/** What a claim is compared with. */
export type Operand = One<{
  value: string | number | boolean
  values: readonly (string | number | boolean)[]
  header: string
  path_param: string
  query_param: string
  connection:
    | 'client_address'
    | 'tls_version'
    | 'server_name'
    | 'peer_certificate_sha256'
    | 'peer_subject'
    | 'peer_uri_san'
}>

interface Relations {
  equals: Operand
  contains: Operand
  in: Operand
  allows: Operand
  covers: Operand
}

interface Requirements {
  permission: string
  role: string
  scope: string
  policy: string
  provider: string
  client_address: readonly string[]
  all: readonly Requirement[]
  any: readonly Requirement[]
}

type NoClaim = { [Name in 'claim' | 'optional' | keyof Relations]?: never }

/** What a token has to fulfil: exactly one of these. */
export type Requirement =
  | (One<Requirements> & NoClaim)
  | ({
      /** A JSON pointer. */
      claim: string
      /** A token without the claim fulfils this. */
      optional?: boolean
    } & One<Relations> & { [Name in keyof Requirements]?: never })

interface Common {
  /** `observe` decides and reports, and denies nothing. */
  mode?: 'enforce' | 'observe'
  transport?: { require_https?: 'off' | 'tls' | 'forwarded' }
  /** Rules and carriers ready for use. */
  presets?: readonly ('dataway' | 'datakit' | 'openapi')[]
  /** What each role grants: permissions, `area.*`, or `*`. */
  roles?: Readonly<Record<string, readonly string[]>>
  policies?: Readonly<Record<string, Requirement>>
  /** How the upstream tells paths apart. */
  paths?: { ignore_case?: boolean; ignore_trailing_slash?: boolean }
  rules?: readonly Rule[]
  responses?: {
    realm?: string
    retry_after?: string
    format?: 'problem+json' | 'guance' | 'text' | 'none'
    show_reason?: boolean
    /** Other statuses, by reason. */
    status?: Readonly<Partial<Record<Reason, number>>>
    cors?: { origins: readonly string[] }
  }
  limits?: {
    token_bytes?: number
    /** In Envoy: requests that may wait for keys. */
    parked_requests?: number
    /** Verified tokens that are kept; none if absent, 4096 in Envoy. It changes no verdict. */
    cached_tokens?: number
    /** Bytes for tables of keys that are used much, which make signatures cheap; 4194304 if absent. */
    key_table_bytes?: number
  }
}

/** The whole configuration, the same document that the Envoy filter reads. */
export interface Configuration extends Common {
  /** For editors: `datakit-token/config.schema.json`. */
  $schema?: string
  version: 1
  providers: readonly Provider[]
}

/** The configuration of one provider. */
export interface ShortConfiguration extends ProviderOptions, Common {
  issuer: string
  audience: string | readonly string[]
  keys: JwkSet | readonly Jwk[] | Keys
}

const COMMON = [
  'mode',
  'transport',
  'presets',
  'roles',
  'policies',
  'paths',
  'rules',
  'responses',
  'limits',
]
/** What the short form has besides. */
const SHORT = [
  'issuer',
  'audience',
  'keys',
  'subjects',
  'algorithms',
  'types',
  'allow_missing_type',
  'required_claims',
  'claims',
  'clock_skew',
  'max_lifetime',
  'max_age',
  'revocations',
  'encryption',
  'opaque_tokens',
  'from',
  'forward',
  'swap',
  'claims_to_headers',
]

/** @internal The document for the core. */
export interface Document {
  json: string
  /** Turns a pointer into it into one into what the caller wrote. */
  pointer: (pointer: string) => string
  /** What the caller gave as the keys of each provider. */
  keys: Map<string, object>
}

/** @internal Makes the document out of what the caller wrote. */
export function toDocument(config: Configuration | ShortConfiguration): Document {
  if (
    typeof config !== 'object' ||
    config === null ||
    has(config, 'providers') ||
    has(config, 'version')
  ) {
    const providers = member(config as Partial<Configuration> | null, 'providers')
    const keys = new Map(
      (Array.isArray(providers) ? providers : []).map((provider) => [
        member(provider, 'name'),
        member(provider, 'keys'),
      ]),
    )
    return { json: stringify(config), pointer: (pointer) => pointer, keys }
  }
  const short = config as ShortConfiguration
  const [audience, keys] = [member(short, 'audience'), member(short, 'keys')]
  // They inherit nothing, so that a member called `__proto__` is one like others, which the core refuses.
  const provider: Record<string, unknown> = bare({ name: 'default' })
  const whole: Record<string, unknown> = bare({ version: 1, providers: [provider] })
  checkKeys(keys)
  for (const [name, value] of Object.entries(config)) {
    if (!COMMON.includes(name) && !SHORT.includes(name)) {
      throw new ConfigurationError(
        `/${name}`,
        `unknown member, expected one of ${[...SHORT, ...COMMON].map((known) => `\`${known}\``).join(', ')}`,
      )
    }
    if (name !== 'audience' && name !== 'keys')
      (COMMON.includes(name) ? whole : provider)[name] = value
  }
  if (audience !== undefined) provider.audiences = Array.isArray(audience) ? audience : [audience]
  const list = Array.isArray(keys)
  const sources = ['inline', 'remote', 'bundle'].some((name) => has(keys, name))
  if (keys !== undefined) provider.keys = sources ? keys : { inline: list ? { keys } : keys }
  const pointer = (pointer: string) =>
    pointer
      .replace(/^\/providers\/0(?=\/|$)/, '')
      .replace(/^\/audiences(?=\/|$)/, '/audience')
      .replace(sources ? /^$/ : /^\/keys\/inline(?=\/|$)/, sources ? '' : '/keys')
      .replace(/^\/keys\/keys(?=\/|$)/, list ? '/keys' : '/keys/keys')
  return {
    json: stringify(whole),
    pointer,
    keys: new Map(sources ? [['default', keys as object]] : []),
  }
}

/** A document as text; what JSON cannot say is a fault of the configuration. */
function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    throw new ConfigurationError(
      '',
      `expected what JSON can say: ${(error as Error).message.split('\n')[0]}`,
    )
  }
}

/** The commonest things that are given instead of keys, each with what to write. */
function checkKeys(keys: unknown): void {
  const wrong = (problem: string) => {
    throw new ConfigurationError('/keys', `expected a JWK Set: ${problem}`)
  }
  if (typeof keys === 'string' && keys.includes('-----BEGIN'))
    wrong(
      "found PEM; `[{ ...crypto.createPublicKey(pem).export({ format: 'jwk' }), kid: 'k1' }]` in Node",
    )
  if (typeof keys === 'string' || keys instanceof URL) wrong('found a URL; `remoteKeySet(url)`')
  if (has(keys, 'kty')) wrong('found one key; `[key]`')
  for (const key of Array.isArray(keys) ? keys : [keys]) {
    if (has(key, 'export') || has(key, 'asymmetricKeyType'))
      wrong("found a KeyObject; `key.export({ format: 'jwk' })`")
    if (has(key, 'extractable') && has(key, 'algorithm'))
      wrong("found a CryptoKey; `await crypto.subtle.exportKey('jwk', key)`")
  }
}
