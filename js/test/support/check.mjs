// The shared vectors, and whether what was observed is what they expect.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const {
  vectors: minted,
  environment,
  issued,
} = JSON.parse(readFileSync(process.env.DATAKIT_TOKEN_VECTORS, 'utf8'))
/** Tokens of `crates/issuer`, and what was asked for. */
export { issued }
export const vectors = minted.map((vector) => ({ ...vector, environment }))

export function check(
  { token, expect },
  { verdict, reason, claim, upstream, response, code, tokenClaim },
) {
  assert.equal(reason, expect.reason)
  assert.equal(verdict, expect.verdict)
  assert.equal(code, token === undefined ? undefined : expect.reason)
  if (expect.claim !== undefined) {
    assert.equal(claim ?? null, expect.claim, 'claim')
    if (token !== undefined)
      assert.equal(tokenClaim ?? null, expect.claim, 'claim of the TokenError')
  }
  if (expect.response) {
    assert.equal(response.status, expect.response.status)
    if (expect.response.body !== undefined) assert.equal(response.body, expect.response.body)
    compare(response.headers, expect.response.headers)
  }
  if (!expect.upstream) return
  assert.equal(upstream.path, expect.upstream.path)
  compare(upstream.headers, expect.upstream.headers)
}

/** `null` stands for a header that must not be there. */
function compare(headers, expected) {
  for (const [name, value] of Object.entries(expected ?? {})) {
    const found = headers
      .filter((header) => header[0].toLowerCase() === name)
      .map((header) => header[1])
    assert.deepEqual(found, value === null ? [] : [value], name)
  }
}
