// The application's own list of revoked tokens.
import type { Reason } from './error.js'
import type { VerifiedToken } from './token.js'

/**
 * Asked about each good token, after everything else: whether the application has taken it back. What it throws or
 * rejects with, and every answer but `true` and `false`, refuses the token with `keys_unavailable`.
 */
export type IsRevoked<C> = (token: VerifiedToken<C>) => boolean | Promise<boolean>

/** @internal Why a good token is refused after all, if it is. */
export async function revoked<C>(
  isRevoked: IsRevoked<C>,
  token: VerifiedToken<C>,
): Promise<{ code: Reason; cause?: unknown } | undefined> {
  try {
    const answer: unknown = await isRevoked(token)
    if (answer === false) return undefined
    if (answer === true) return { code: 'revoked' }
    throw new TypeError('expected `isRevoked` to give true or false')
  } catch (cause) {
    return { code: 'keys_unavailable', cause }
  }
}
