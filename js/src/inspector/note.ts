// What somebody has to know to read the verdicts rightly.
import type { Verifier } from '../verifier.js'
import type { DescribedRequest } from './field.js'

/** About the request, and the configuration that it is judged by. */
export function notesOnRequest(
  verifier: Verifier,
  carried: DescribedRequest | undefined,
  isTokenGiven: boolean,
  areClaimsBelieved: boolean,
): readonly string[] {
  if (areClaimsBelieved)
    return carried
      ? ['Nothing is decided about the request: that takes a configuration with rules.']
      : []
  const notes = verifier.warnings
    .filter(({ pointer }) => carried !== undefined || !pointer.startsWith('/rules'))
    .map(({ pointer, problem }) => `Configuration, ${pointer}: ${problem}`)
  if (carried?.token === 'added')
    notes.push('The request carries the token in its header Authorization, as it names no place.')
  if (carried?.token === 'none' && isTokenGiven)
    notes.push('The request is judged by what it carries itself, which is not the token above.')
  return notes
}
