// Which checks there are, in the order that docs/strictness.md promises, and which of them gives which reason.
import type { Reason } from '../error.js'

export type CheckName = (typeof CHECKS)[number]['name']

export interface Check {
  readonly name: string
  readonly title: string
  /** As the promise names them: all of it, in its order. */
  readonly steps: readonly string[]
  /** What is looked at: a token by itself, or the request that brings it. */
  readonly about: 'token' | 'request'
  /** Members of the configuration that ask for it; without these it is always made. */
  readonly settings?: readonly string[]
}

export const CHECKS = [
  {
    name: 'transport',
    title: 'Transport: the request came over HTTPS',
    steps: ['HTTPS (`transport`)'],
    about: 'request',
    settings: ['transport'],
  },
  {
    name: 'request',
    title: 'Request: a path with one reading, and one token',
    steps: ['path', 'carrier'],
    about: 'request',
  },
  { name: 'size', title: 'Size', steps: ['size'], about: 'token' },
  {
    name: 'encryption',
    title: 'Encryption (this page opens no encrypted tokens)',
    steps: ['encryption (below)'],
    about: 'token',
    settings: ['encryption'],
  },
  {
    name: 'form',
    title: 'Form: three segments, base64url, and JSON in the header',
    steps: ['segments', 'base64url', 'header text and member types'],
    about: 'token',
  },
  {
    name: 'extensions',
    title: 'Extensions (crit, b64): none',
    steps: ['`crit` and `b64`'],
    about: 'token',
  },
  { name: 'algorithm', title: 'Algorithm (alg, zip)', steps: ['`alg` and `zip`'], about: 'token' },
  {
    name: 'length',
    title: 'Length of the signature',
    steps: ['length of the signature'],
    about: 'token',
  },
  { name: 'type', title: 'Type (typ, cty)', steps: ['`typ` and `cty`'], about: 'token' },
  {
    name: 'key',
    title: 'Key: it is known, by kid and issuer',
    steps: ['key (`kid`', 'issuer)'],
    about: 'token',
  },
  {
    name: 'key window',
    title: 'Key window: the key is in use at this time',
    steps: ['key window'],
    about: 'token',
  },
  { name: 'signature', title: 'Signature', steps: ['signature'], about: 'token' },
  {
    name: 'claims',
    title: 'Claims: strict JSON, and types',
    steps: ['payload text', 'claim types'],
    about: 'token',
  },
  { name: 'issuer', title: 'Issuer (iss)', steps: ['`iss`'], about: 'token' },
  { name: 'audience', title: 'Audience (aud)', steps: ['`aud`'], about: 'token' },
  { name: 'end', title: 'End (exp)', steps: ['`exp`'], about: 'token' },
  { name: 'start', title: 'Start (nbf, iat)', steps: ['`nbf`', '`iat`'], about: 'token' },
  {
    name: 'lifetime',
    title: 'Lifetime and age: exp after iat, max_lifetime, max_age',
    steps: ['lifetime', 'age'],
    about: 'token',
  },
  {
    name: 'required claims',
    title: 'Required claims',
    steps: ['required claims'],
    about: 'token',
    settings: ['required_claims'],
  },
  {
    name: 'possession',
    title: 'Proof of possession (cnf): none is asked for',
    steps: ['`cnf`'],
    about: 'token',
  },
  {
    name: 'subject',
    title: 'Subject (sub)',
    steps: ['`sub`'],
    about: 'token',
    settings: ['subjects'],
  },
  {
    name: 'repeated claims',
    title: 'Claims that the header of an encrypted token repeats',
    steps: ["claims that the encrypted token's header repeats"],
    about: 'token',
    settings: ['encryption'],
  },
  {
    name: 'revocation',
    title: 'Revocation',
    steps: ['revocation'],
    about: 'token',
    settings: ['revocations', 'bundle'],
  },
  {
    name: 'age of the keys',
    title: 'Age of the keys',
    steps: ['age of the keys'],
    about: 'token',
    settings: ['remote', 'bundle'],
  },
  { name: 'rule', title: 'Rule: one is about this request', steps: ['rule'], about: 'request' },
  {
    name: 'matching',
    title: 'Matching: the token fits the request',
    steps: ['matching with user information'],
    about: 'request',
  },
  {
    name: 'permission',
    title: 'Permission: what the rule asks for, and what goes on',
    steps: ['permission'],
    about: 'request',
  },
] as const satisfies readonly Check[]

/** Where a reason is given, as far as the reason alone can say it; see location.ts for the rest. */
export const CHECK_OF = {
  missing_token: 'request',
  invalid_request: 'request',
  malformed: 'form',
  too_large: 'size',
  unsupported_algorithm: 'algorithm',
  unsupported_type: 'type',
  critical_header: 'extensions',
  unknown_key: 'key',
  key_inactive: 'key window',
  bad_signature: 'signature',
  claim_missing: 'required claims',
  claim_invalid: 'claims',
  issuer_mismatch: 'issuer',
  audience_mismatch: 'audience',
  subject_mismatch: 'subject',
  expired: 'end',
  not_yet_valid: 'start',
  lifetime_exceeded: 'lifetime',
  revoked: 'revocation',
  decryption_failed: 'encryption',
  proof_of_possession_required: 'possession',
  insecure_transport: 'transport',
  no_rule: 'rule',
  binding_mismatch: 'matching',
  permission_denied: 'permission',
  keys_unavailable: 'key',
  not_configured: 'permission',
} as const satisfies Record<Reason, CheckName>
