// For pages with React: hints about what to show. Whether something is allowed, the server decides.
import { createContext, createElement, useContext, useEffect, useMemo, useState } from 'react'
import type { ReactElement, ReactNode } from 'react'
import type { Claims, UserInformation } from '../claims.js'
import type { TokenError } from '../error.js'
import type { VerifiedToken } from '../token.js'
import type { Verifier } from '../verifier.js'

/** What is known of the token of a page. */
export type TokenState<C = Claims> =
  /** There is none. */
  | { readonly status: 'absent'; readonly token: undefined; readonly error: undefined }
  /** It is being verified: on a server, and before the first verdict. */
  | { readonly status: 'pending'; readonly token: undefined; readonly error: undefined }
  | { readonly status: 'valid'; readonly token: VerifiedToken<C>; readonly error: undefined }
  /** It is refused, for instance because it has expired meanwhile. */
  | { readonly status: 'refused'; readonly token: undefined; readonly error: TokenError }

const ABSENT = Object.freeze({ status: 'absent', token: undefined, error: undefined })
const PENDING = Object.freeze({ status: 'pending', token: undefined, error: undefined })
/** The longest time of `setTimeout`, in milliseconds. */
const LONGEST = 2_147_483_647

const TokenContext = createContext<TokenState>(ABSENT)

/** Verifies the token of a page, and again when it ends; everything below may ask for it. */
export function TokenProvider({
  verifier,
  token,
  children,
}: {
  /** Made outside of the component, once. */
  verifier: Pick<Verifier, 'safeVerify'>
  token: string | undefined | null
  children?: ReactNode
}): ReactElement {
  const [judged, setJudged] = useState<{ text: string; state: TokenState } | undefined>()
  useEffect(() => {
    if (token === undefined || token === null) return undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let isCurrent = true
    const judge = async () => {
      const result = await verifier.safeVerify(token)
      if (!isCurrent) return
      const state: TokenState = result.ok
        ? { status: 'valid', token: result.token, error: undefined }
        : { status: 'refused', token: undefined, error: result.error }
      setJudged({ text: token, state: Object.freeze(state) })
      if (!result.ok) return
      const left = result.token.expiresAt * 1000 - Date.now()
      timer = setTimeout(judge, Math.min(Math.max(left, 1000), LONGEST))
    }
    void judge()
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [verifier, token])
  // A verdict belongs to the text that it is about: of another token nothing is known yet.
  const state = useMemo(() => {
    if (token === undefined || token === null) return ABSENT
    return judged?.text === token ? judged.state : PENDING
  }, [judged, token])
  return createElement(TokenContext.Provider, { value: state }, children)
}

/** The token of the page, as `TokenProvider` knows it. */
export function useToken(): TokenState {
  return useContext(TokenContext)
}

/** Shows its children if the token grants the permission and its claims match; else `fallback`. */
export function Can({
  permission,
  match,
  fallback,
  children,
}: {
  permission: string
  match?: UserInformation
  fallback?: ReactNode
  children?: ReactNode
}): ReactNode {
  const { token } = useToken()
  return token?.can(permission, match) === true ? children : fallback
}
