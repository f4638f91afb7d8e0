// Asks a verifier, and takes its refusals as answers.
import type { ConfigurationError, TokenError } from '../error.js'
import type { VerifiedToken } from '../token.js'
import type { CreateVerifier, Verifier } from '../verifier.js'
import { FieldError } from './field.js'
import type { Setup } from './setup.js'

/** One of the two. */
export interface Result {
  readonly token?: VerifiedToken
  readonly error?: TokenError
}

/** A verifier that fetches nothing; what is wrong with the setup is said of the field that it comes from. */
export function verifierOf(setup: Setup, createVerifier: CreateVerifier): Verifier {
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

/** The token, or why it is refused. */
export function verify(verifier: Verifier, token: string, now: number): Result {
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
