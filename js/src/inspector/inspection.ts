// All that can be said of what an operator has typed. Nothing here knows of the page.
import type { Claims } from '../claims.js'
import type { Decision, RuleReference } from '../decision.js'
import type { TokenError } from '../error.js'
import type { VerifiedToken } from '../token.js'
import { decodeUnverified, type UnverifiedToken } from '../unverified.js'
import type { CreateVerifier, Verifier } from '../verifier.js'
import {
  FieldError,
  readJson,
  readRequest,
  readTime,
  readToken,
  type DescribedRequest,
  type FieldName,
  type Fields,
} from './field.js'
import { locate } from './location.js'
import { moments, type Moment } from './moment.js'
import { notesOnRequest } from './note.js'
import { setupOfConfiguration, setupOfKeys, type Setup } from './setup.js'
import { verify, verifierOf } from './trial.js'
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
  /** The rule that has decided; `undefined` if none is for the request. */
  readonly rule: RuleReference | undefined
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
  const isTokenGiven = text !== ''
  const verifier =
    setup && (isTokenGiven || carried) && problems.size === 0
      ? reading(() => verifierOf(setup, createVerifier))
      : undefined
  const areClaimsBelieved = setup?.areClaimsBelieved ?? false
  const verified = verifier && isTokenGiven ? verify(verifier, text, time) : undefined
  const { error, token } = verified ?? {}
  const decision =
    verifier && carried && !areClaimsBelieved
      ? verifier.decideSync(carried.request, { now: time })
      : undefined
  const claims = token?.claims ?? decoded?.unverifiedClaims
  const notes = [
    note,
    decoded && !claims && 'The token is encrypted: this page shows its outer header alone.',
    ...((verifier && setup?.notes) ?? []),
    ...(verifier ? notesOnRequest(verifier, carried, isTokenGiven, areClaimsBelieved) : []),
  ].filter((line) => typeof line === 'string')
  const probe = (other: string) => verifier && verify(verifier, other, time).error?.code
  const outcome: Outcome = error
    ? { failed: locate(error, text, claims ?? {}, probe) }
    : token
      ? 'passed'
      : 'not asked'
  const isOpaque = isTokenGiven && !text.includes('.')
  return {
    verifier,
    isTokenGiven,
    header: decoded?.unverifiedHeader,
    claims,
    moments: claims && !problems.has('time') ? moments(claims, time) : [],
    token,
    error,
    decision,
    rule: decision && carried ? verifier?.ruleOf(carried.request) : undefined,
    checks: judge(
      outcome,
      outcomeOf(decision, carried, token !== undefined),
      isAskedBy(setup?.parts ?? [], isOpaque, areClaimsBelieved),
    ),
    areClaimsBelieved,
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

function outcomeOf(
  decision: Decision | undefined,
  carried: DescribedRequest | undefined,
  isTokenGood: boolean,
): Outcome {
  if (decision === undefined || carried === undefined) return 'not asked'
  if (decision.verdict === 'allow') return 'passed'
  return outcomeOfRequest(
    decision.reason,
    isTokenGood && carried.token !== 'none',
    carried.hasCookie,
  )
}
