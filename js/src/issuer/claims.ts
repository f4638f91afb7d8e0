// The claims of a token (RFC 9068 section 2.2), as the text that is signed.
import { member } from '../member.js'
import { checkMembers, readDuration, readName, readNames, readTime } from './argument.js'
import { expected } from './error.js'

/** The value of a claim of the application's own. Numbers are whole and exact: every reader has to read the same. */
export type ClaimValue =
  | string
  | number
  | boolean
  | readonly ClaimValue[]
  | { readonly [name: string]: ClaimValue }

/** Whom a token is for, and what it allows. What is not said is not in the token. */
export interface TokenRequest {
  /** `client_id`: the credential, as one machine or one application has it. */
  readonly clientId: string
  /** `sub`: whom the token is about; the client, where no person takes part (RFC 9068 section 2.2). */
  readonly subject?: string | undefined
  readonly workspace?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly permissions?: readonly string[] | undefined
  /** `scope`, with a space between two. */
  readonly scope?: string | undefined
  /** How long the token lives: whole seconds, or `30s`, `10m`, `6h`, `1d`. */
  readonly lifetime: string | number
  /** `nbf`: not good before this second since 1970. */
  readonly notBefore?: number | undefined
  /** `jti`: an id that no other token has; 128 random bits if absent. */
  readonly id?: string | undefined
  /** More claims, by names that no other member here has. */
  readonly claims?: Readonly<Record<string, ClaimValue>> | undefined
}

const MEMBERS = [
  'clientId',
  'subject',
  'workspace',
  'roles',
  'permissions',
  'scope',
  'lifetime',
  'notBefore',
  'id',
  'claims',
] as const
/** Claims that are ours to say, and `cnf` (RFC 7800), which binds a token to a proof that nobody would ask for here. */
const RESERVED = /^(iss|aud|sub|client_id|iat|nbf|exp|jti|workspace|roles|permissions|scope|cnf)$/
/** As deep as verifiers read. */
const LEVELS = 32

/** @internal The claims as JSON, each object sorted by its names; `exp`, and the id of the token. */
export function writeClaims(
  issuer: string,
  audience: readonly string[],
  request: TokenRequest,
  now: number,
): { text: string; expiresAt: number; id: string } {
  checkMembers('the token', request, MEMBERS)
  const text = (name: 'subject' | 'workspace' | 'scope') => {
    const value = member(request, name)
    return value === undefined ? undefined : readName(name, value)
  }
  const names = (name: 'roles' | 'permissions') => {
    const value = member(request, name)
    return value === undefined ? [] : readNames(name, value)
  }
  const clientId = readName('clientId', member(request, 'clientId') as string)
  const lifetime = readDuration('lifetime', member(request, 'lifetime') as string)
  if (lifetime === 0) throw expected('lifetime', 'more than nothing')
  const expiresAt = readTime('lifetime', now + lifetime)
  const notBefore = member(request, 'notBefore')
  if (notBefore !== undefined && readTime('notBefore', notBefore) >= expiresAt)
    throw expected('notBefore', 'a time before the end of the token')
  const id = readName('id', member(request, 'id') ?? randomId())
  const [roles, permissions] = [names('roles'), names('permissions')]
  const claims: Record<string, ClaimValue | undefined> = {
    iss: issuer,
    aud: audience.length === 1 ? audience[0] : audience,
    sub: text('subject') ?? clientId,
    client_id: clientId,
    iat: now,
    nbf: notBefore,
    exp: expiresAt,
    jti: id,
    workspace: text('workspace'),
    roles: roles.length > 0 ? roles : undefined,
    permissions: permissions.length > 0 ? permissions : undefined,
    scope: text('scope'),
  }
  const own = Object.entries(member(request, 'claims') ?? {}).map(([name, value]) => {
    if (RESERVED.test(name))
      throw expected(`claims.${name}`, 'a claim that this cannot set by itself')
    return [name, value] as const
  })
  const all = [...Object.entries(claims).filter(([, value]) => value !== undefined), ...own]
  return { text: writeObject('claims', all as [string, ClaimValue][], LEVELS), expiresAt, id }
}

/** As serde_json writes it. */
function write(place: string, value: ClaimValue, levels: number): string {
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value)
  if (typeof value === 'string') {
    // RFC 8259 section 8.2: half a character is read by each reader in another way.
    if (!/\p{Surrogate}/u.test(value)) return JSON.stringify(value)
    throw expected(place, 'a text without lone surrogates')
  }
  if (levels === 0) throw expected(place, `at most ${LEVELS} levels`)
  if (Array.isArray(value))
    return `[${value.map((one, index) => write(`${place}[${index}]`, one as ClaimValue, levels - 1))}]`
  if (typeof value === 'object' && value !== null)
    return writeObject(place, Object.entries(value as Record<string, ClaimValue>), levels)
  throw expected(
    place,
    'a text, a boolean, a whole number of at most 2^53, or an array or object of these',
  )
}

function writeObject(place: string, members: [string, ClaimValue][], levels: number): string {
  const written = members
    .sort(([one], [other]) => compare(one, other))
    .map(([name, value]) => {
      const at = `${place}.${name}`
      return `${write(at, name, levels)}:${write(at, value, levels - 1)}`
    })
  return `{${written}}`
}

/** By code points, which is how UTF-8 sorts; `<` compares UTF-16. */
function compare(one: string, other: string): number {
  const [a, b] = [[...one], [...other]]
  const place = a.findIndex((character, index) => character !== b[index])
  if (place < 0) return a.length - b.length
  return (a[place]?.codePointAt(0) ?? 0) - (b[place]?.codePointAt(0) ?? -1)
}

const randomId = () => encode(crypto.getRandomValues(new Uint8Array(16)))

/** @internal base64url without padding (RFC 7515 section 2). */
export const encode = (bytes: Uint8Array) =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
