'use client'

import { useState } from 'react'
import { createVerifier } from 'datakit-token'
import { Can, TokenProvider, useToken } from 'datakit-token/react'

function Name() {
  const { status, token, error } = useToken()
  return <p id="name">{token?.subject ?? error?.code ?? status}</p>
}

export function Hints({ config }) {
  const [verifier] = useState(() => createVerifier(config))
  const [token, setToken] = useState()
  return (
    <TokenProvider verifier={verifier} token={token}>
      <label>
        Token <input onChange={({ target }) => setToken(target.value || undefined)} />
      </label>
      <Name />
      <Can permission="a.b" fallback={<p>nothing to do</p>}>
        <button type="button">Do it</button>
      </Can>
    </TokenProvider>
  )
}
