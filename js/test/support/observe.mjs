/**
 * What the package says about a vector, as plain data; runs wherever the package does. `sealed` is the entry point that
 * opens encrypted tokens, for the vectors that have keys for them.
 */
export async function observe({ plain, sealed }, { config, environment, request, token, now }) {
  const hasKeys = config.providers.some(({ encryption }) => encryption)
  const { createVerifier } = hasKeys ? sealed : plain
  const verifier = createVerifier(config, { environment })
  const decision = verifier.decideSync(request, { now })
  // A JavaScript string is no byte string: what is not ASCII crosses in requests only.
  const outcome = token === undefined ? undefined : await verifier.safeVerify(token, { now })
  return {
    verdict: decision.verdict,
    reason: decision.verdict === 'allow' ? 'ok' : decision.reason,
    claim: decision.claim,
    response: decision.response,
    upstream: decision.upstream,
    code: outcome && (outcome.ok ? 'ok' : outcome.error.code),
    tokenClaim: outcome?.error?.claim,
  }
}
