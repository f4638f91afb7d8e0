// Tokens for tests: good ones, and for each reason one that is refused for it.
import type { ShortConfiguration } from '../configuration/document.js'
import type { Reason } from '../error.js'
import { freeze } from '../freeze.js'
import { encode, type TokenRequest } from '../issuer/claims.js'
import { createIssuer, createKeyRing } from '../issuer/issuer.js'
import { importKey, type PublicJwk, type SigningJwk } from '../issuer/key_ring.js'
import { decodeUnverified } from '../unverified.js'
import type { CreateOptions, CreateVerifier, Verifier } from '../verifier.js'

/** What a token says; `client` and an hour unless it is said. */
export type TestRequest = Partial<TokenRequest>

/** Reasons that lie in a token alone, whatever the configuration says. */
const REASONS = [
  'malformed',
  'too_large',
  'unsupported_algorithm',
  'unsupported_type',
  'critical_header',
  'unknown_key',
  'bad_signature',
  'claim_missing',
  'claim_invalid',
  'issuer_mismatch',
  'audience_mismatch',
  'expired',
  'not_yet_valid',
  'proof_of_possession_required',
] as const satisfies readonly Reason[]

/** An issuer, its tokens, and a verifier that takes them. */
export interface Testing {
  readonly issuer: string
  readonly audience: string
  /** For `keys` of the verifier under test. */
  readonly keys: { readonly keys: readonly PublicJwk[] }
  /** Takes the tokens of `issue`. */
  readonly verifier: Verifier
  /** A token that is good. */
  issue(request?: TestRequest): Promise<string>
  /** A token that every verifier of these keys refuses for this reason. */
  issueRefused(reason: (typeof REASONS)[number], request?: TestRequest): Promise<string>
  /** All reasons that `issueRefused` knows. */
  readonly reasons: readonly (typeof REASONS)[number][]
}

/** Longer than any verifier takes. */
const TOO_LARGE = 2 ** 20

/**
 * @internal With the `createVerifier` of the application, whose module is there already.
 */
export const bindTesting =
  (createVerifier: CreateVerifier): CreateTesting =>
  (config, options) =>
    make(createVerifier, config, options)

/**
 * Makes a key of its own, and a verifier for it. `config` is the application's configuration as its short form has it:
 * rules, roles, `from`, all but issuer, audience and keys, which a test has its own of.
 */
export type CreateTesting = (
  config?: Partial<ShortConfiguration>,
  options?: CreateOptions,
) => Promise<Testing>

async function make(
  createVerifier: CreateVerifier,
  config: Partial<ShortConfiguration> = {},
  options?: CreateOptions,
): Promise<Testing> {
  const [issuer, audience] = ['https://issuer.test', 'https://audience.test']
  const ring = await createKeyRing()
  const jwk = (ring.keys[0] as { jwk: SigningJwk }).jwk
  const own = await createIssuer({ issuer, audience, keys: ring, tokenBytes: 2 * TOO_LARGE })
  const keys = own.keySet()
  const verifier = createVerifier(
    { ...config, issuer, audience, keys } as ShortConfiguration,
    options,
  )
  const complete = (request: TestRequest): TokenRequest => ({
    clientId: 'client',
    lifetime: '1h',
    ...request,
  })
  const issue = async (request: TestRequest = {}) => (await own.issue(complete(request))).token
  /** Signs claims and a header with changes in them. */
  const sign = async (
    request: TestRequest,
    { header = {}, claims = {} }: { header?: object; claims?: object },
  ) => {
    const { unverifiedHeader, unverifiedClaims } = decodeUnverified(await issue(request))
    const changed = [
      { ...unverifiedHeader, ...header },
      { ...unverifiedClaims, ...claims },
    ].map((part) => encode(new TextEncoder().encode(JSON.stringify(part))))
    const signed = changed.join('.')
    return `${signed}.${await (await importKey(jwk)).sign(signed)}`
  }
  const now = () => Math.floor(Date.now() / 1000)
  const DAY = 86_400
  const refused: Record<(typeof REASONS)[number], (request: TestRequest) => Promise<string>> = {
    malformed: async (request) => (await issue(request)).replaceAll('.', ''),
    too_large: (request) => issue({ ...request, claims: { padding: 'x'.repeat(TOO_LARGE) } }),
    unsupported_algorithm: (request) => sign(request, { header: { alg: 'ES256' } }),
    unsupported_type: (request) => sign(request, { header: { typ: 'other' } }),
    critical_header: (request) => sign(request, { header: { crit: ['exp'], exp: 1 } }),
    unknown_key: (request) => sign(request, { header: { kid: 'another' } }),
    // The last signature but one bit, so that the form stays that of a signature.
    bad_signature: async (request) => {
      const token = await issue(request)
      const place = token.lastIndexOf('.') + 1
      return token.slice(0, place) + (token[place] === 'A' ? 'B' : 'A') + token.slice(place + 1)
    },
    claim_missing: (request) => sign(request, { claims: { exp: undefined } }),
    claim_invalid: (request) => sign(request, { claims: { exp: 'tomorrow' } }),
    issuer_mismatch: (request) => sign(request, { claims: { iss: 'https://other.test' } }),
    audience_mismatch: (request) => sign(request, { claims: { aud: 'https://other.test' } }),
    expired: (request) => sign(request, { claims: { iat: now() - 2 * DAY, exp: now() - DAY } }),
    not_yet_valid: (request) =>
      sign(request, { claims: { nbf: now() + DAY, exp: now() + 2 * DAY } }),
    proof_of_possession_required: (request) => sign(request, { claims: { cnf: { jkt: 'x' } } }),
  }
  return freeze({
    issuer,
    audience,
    keys,
    verifier,
    issue,
    issueRefused: (reason: (typeof REASONS)[number], request: TestRequest = {}) => {
      if (!REASONS.includes(reason))
        throw new TypeError(`expected one of ${REASONS.join(', ')}; found ${reason}`)
      return refused[reason](request)
    },
    reasons: REASONS,
  })
}
