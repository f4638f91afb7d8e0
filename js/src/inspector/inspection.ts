// All that can be said of what an operator has typed. Nothing here knows of the page.
import type { Claims } from '../claims.js'
import type { Decision } from '../decision.js'
import type { ConfigurationError, TokenError } from '../error.js'
import type { VerifiedToken } from '../token.js'
import { decodeUnverified, type UnverifiedToken } from '../unverified.js'
import type { CreateVerifier, Verifier } from '../verifier.js'
import {
  FieldError,
  readJson,
  readRequest,
  readTime,
  readToken,
  type FieldName,
  type Fields,
} from './field.js'
import { locate } from './location.js'
import { moments, type Moment } from './moment.js'
import { setupOfConfiguration, setupOfKeys, type Setup } from './setup.js'
import { isAskedBy, judge, outcomeOfRequest, type Judged, type Outcome } from './verdict.js'

export interface Inspection {
  /** Who has been asked; to be freed. */
  readonly verifier: Verifier | undefined
  readonly isTokenGiven: boolean
  readonly header: Claims | undefined
  readonly claims: Claims | undefined
  readonly moments: readonly Moment[]
  readonly token: VerifiedToken | undefined
  readonly error: TokenError | undefined
  readonly decision: Decision | undefined
  readonly checks: readonly Judged[]
  readonly areClaimsBelieved: boolean
  readonly notes: readonly string[]
  readonly problems: ReadonlyMap<FieldName, string>
}

/** Looks at everything; `now` is the clock's. Throws where WebAssembly is not allowed. */
export function inspect(fields: Fields, now: number, createVerifier: CreateVerifier): Inspection {
  const problems = new Map<FieldName, string>()
  const reading = <T>(read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof FieldError)) throw error
      problems.set(error.field, error.message)
      return undefined
    }
  }
  const { token: text, note } = readToken(fields.token)
  const decoded = text === '' ? undefined : decode(text)
  const time = reading(() => readTime(fields.time, now)) ?? now
  const carried = reading(() => readRequest(fields, text))
  const setup = reading(() => setupOf(fields, decoded?.unverifiedClaims ?? {}))
  const notes = [note, ...(setup?.notes ?? [])].filter((line) => line !== undefined)
  const verifier =
    setup && (text !== '' || carried) && problems.size === 0
      ? reading(() => verifierOf(setup, createVerifier))
      : undefined
  const verify = (token: string) => result(verifier as Verifier, token, time)
  const verified = verifier && text !== '' ? verify(text) : undefined
  const error = verified?.error
  const token = verified?.token
  const asksRules = verifier && !setup?.areClaimsBelieved
  const decision =
    asksRules && carried ? verifier.decideSync(carried.request, { now: time }) : undefined
  for (const { pointer, problem } of asksRules ? verifier.warnings : [])
    if (carried || !pointer.startsWith('/rules'))
      notes.push(`Configuration, ${pointer}: ${problem}`)
  if (carried && setup?.areClaimsBelieved)
    notes.push('Nothing is decided about the request: that takes a configuration with rules.')
  if (decision && carried?.isTokenAdded)
    notes.push('The request carries the token in its header Authorization, as it names no place.')
  const claims = token?.claims ?? decoded?.unverifiedClaims
  if (decoded && !decoded.unverifiedClaims)
    notes.push('The token is encrypted: this page shows its outer header alone.')
  const outcome: Outcome = error
    ? {
        failed: locate(error, text, claims ?? {}, (other) => verify(other).error?.code),
      }
    : token
      ? 'passed'
      : 'not asked'
  return {
    verifier,
    isTokenGiven: text !== '',
    header: decoded?.unverifiedHeader,
    claims,
    moments: claims ? moments(claims, time) : [],
    token,
    error,
    decision,
    checks: judge(
      outcome,
      outcomeOf(decision, carried?.headers ?? [], token !== undefined),
      isAskedBy(
        setup?.parts ?? [],
        text !== '' && !text.includes('.'),
        setup?.areClaimsBelieved ?? false,
      ),
    ),
    areClaimsBelieved: setup?.areClaimsBelieved ?? false,
    notes,
    problems,
  }
}

function decode(token: string): UnverifiedToken | undefined {
  try {
    return decodeUnverified(token)
  } catch {
    // Whether it is one after all, the verifier says.
    return undefined
  }
}

function setupOf(fields: Fields, claims: Claims): Setup | undefined {
  const keys = readJson('keys', fields.keys)
  const configuration = readJson('configuration', fields.configuration)
  if (configuration !== undefined) return setupOfConfiguration(configuration, keys)
  return keys === undefined ? undefined : setupOfKeys(keys, claims)
}

function verifierOf(setup: Setup, createVerifier: CreateVerifier): Verifier {
  const { configuration, environment, areClaimsBelieved } = setup
  // The page's policy forbids it as well; without this each attempt would be a line in the console.
  const fetch = () => Promise.reject(new Error('this page fetches nothing'))
  try {
    return createVerifier(configuration, { environment, fetch })
  } catch (error) {
    if (!isCalled<ConfigurationError>(error, 'ConfigurationError')) throw error
    throw new FieldError(areClaimsBelieved ? 'keys' : 'configuration', error.message)
  }
}

interface Result {
  readonly token?: VerifiedToken
  readonly error?: TokenError
}

function result(verifier: Verifier, token: string, now: number): Result {
  try {
    return { token: verifier.verifySync(token, { now }) }
  } catch (error) {
    if (isCalled<TokenError>(error, 'TokenError')) return { error }
    throw error
  }
}

/** By its name: see `TokenError`. */
function isCalled<E extends Error>(error: unknown, name: E['name']): error is E {
  return error instanceof Error && error.name === name
}

function outcomeOf(
  decision: Decision | undefined,
  headers: readonly [string, string][],
  isTokenGood: boolean,
): Outcome {
  if (decision === undefined) return 'not asked'
  if (decision.verdict === 'allow') return 'passed'
  const hasCookie = headers.some(([name]) => name.toLowerCase() === 'cookie')
  const refused = { code: decision.reason, claim: decision.claim }
  return outcomeOfRequest(refused, isTokenGood, hasCookie)
}
