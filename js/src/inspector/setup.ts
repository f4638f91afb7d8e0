// The configuration to judge by, from what an operator has pasted.
import type { Configuration, ShortConfiguration } from '../configuration/document.js'
import { FieldError } from './field.js'

type Members = Readonly<Record<string, unknown>>

/** What a verifier is made of. */
export interface Setup {
  readonly configuration: Configuration | ShortConfiguration
  readonly environment: Readonly<Record<string, string>>
  /** All parts that have settings in them. */
  readonly parts: readonly object[]
  /** Whether the token's own word was taken for issuer and audience. */
  readonly areClaimsBelieved: boolean
  readonly notes: readonly string[]
}

/** In the place of claims that no issuer and no audience can be read from. */
const NOBODY = 'https://nobody.invalid'

/** Of keys alone: the token may say whose it is, and for whom. */
export function setupOfKeys(keys: unknown, claims: Members): Setup {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : NOBODY)
  const audience = Array.isArray(claims.aud) ? claims.aud[0] : claims.aud
  const configuration = { issuer: text(claims.iss), audience: text(audience), keys: keySet(keys) }
  return {
    configuration: configuration as ShortConfiguration,
    environment: {},
    parts: [],
    areClaimsBelieved: true,
    notes: [
      'Judged by a key set alone: issuer and audience are those that the token itself claims. So this says whether ' +
        'one of these keys has signed it, and not whether it comes from the right issuer or is meant for you.',
    ],
  }
}

/** Of a whole configuration; `keys` stand for those that it would fetch. */
export function setupOfConfiguration(given: unknown, keys: unknown): Setup {
  if (!isMembers(given)) throw new FieldError('configuration', 'expected an object')
  const notes: string[] = []
  const set = keys === undefined ? undefined : keySet(keys)
  let replaced = 0
  const prepared = (owner: Members, inDocument: boolean): Members => {
    const { encryption, ...rest } = owner
    if (isMembers(encryption) && encryption.required !== true) {
      notes.push('This page opens no encrypted tokens: `encryption` is left out.')
      owner = rest
    }
    if (!isRemote(owner.keys)) return owner
    if (set === undefined) {
      notes.push(
        'Keys of this configuration are on a server, and this page fetches nothing: paste the key set.',
      )
      return owner
    }
    replaced++
    return { ...owner, keys: inDocument ? { inline: set } : set }
  }
  const providers = Array.isArray(given.providers) ? (given.providers as unknown[]) : undefined
  const configuration = providers
    ? { ...given, providers: providers.map((one) => (isMembers(one) ? prepared(one, true) : one)) }
    : prepared(given, false)
  if (replaced > 0)
    notes.push('The key set stands for the keys that the configuration would fetch.')
  else if (set !== undefined) notes.push('The key set is not used: the configuration has keys.')
  const environment = standIns(configuration)
  for (const name of Object.keys(environment))
    notes.push(`The variable ${name} is not known here: a text stands for its value.`)
  return {
    configuration: configuration as unknown as Configuration,
    environment,
    parts: partsOf(configuration),
    areClaimsBelieved: false,
    notes: [...new Set(notes)],
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A JWK Set, also of one key by itself or of a list. */
function keySet(keys: unknown): unknown {
  if (Array.isArray(keys)) return { keys }
  if (!isMembers(keys)) throw new FieldError('keys', 'expected a JWK Set')
  return Object.hasOwn(keys, 'kty') ? { keys: [keys] } : keys
}

function isRemote(keys: unknown): boolean {
  if (!isMembers(keys)) return false
  return Object.hasOwn(keys, 'remote') || (isMembers(keys.bundle) && isRemote(keys.bundle))
}

/** The document, its providers, and where their keys are. */
function partsOf(configuration: Members): readonly object[] {
  const { providers } = configuration
  const owners = [configuration, ...(Array.isArray(providers) ? providers.filter(isMembers) : [])]
  return [...owners, ...owners.map((owner) => owner.keys).filter(isMembers)]
}

/** Something for each variable of the environment that the configuration names. */
function standIns(value: unknown, found: Record<string, string> = {}): Record<string, string> {
  if (typeof value !== 'object' || value === null) return found
  for (const [name, member] of Object.entries(value)) {
    if (name === 'env' && typeof member === 'string')
      found[member] = `value-of-the-variable-${member}`
    else standIns(member, found)
  }
  return found
}
