// Whole token to verdict, and the signature alone, against what else there is. Runs in every runtime; `host` brings
// what differs: `createVerifier`, `biscuit()`, and as `{ library }` `jose`, `noble`, and in some `fastJwt`,
// `jsonwebtoken`, `crypto`.
import { measure, sixteen, sync, waiting } from './measure.mjs'

export async function contest(
  {
    jwk,
    pem,
    issuer,
    audience,
    type,
    tokens,
    decryption,
    sealedTokens,
    message,
    signature,
    biscuit,
  },
  host,
) {
  const rows = []
  const skipped = []
  /** Adds what `make` gives, after one call, so that nobody is measured refusing. */
  const enter = async (name, checks, make) => {
    try {
      for (const row of await make()) {
        await row.run(16)
        rows.push({
          checks,
          ...row,
          name: row.tokens === 1 ? name : `${name}, ${row.tokens} tokens`,
        })
      }
    } catch (error) {
      skipped.push(`${name}: ${String(error?.message ?? error).split('\n')[0]}`)
    }
  }
  const plainTokens = tokens
  /** The row with one token and, if asked for, the row that goes round all of them. */
  const cases = (run, call, all, tokens = plainTokens) => {
    const one = tokens[0]
    let next = 0
    const cycled = () => {
      next = (next + 1) % tokens.length
      return call(tokens[next])
    }
    const both = [{ run: run(() => call(one)), tokens: 1, base: OURS }]
    if (all)
      both.push({
        run: run(cycled),
        tokens: tokens.length,
        warm: 2 * tokens.length,
        base: `${OURS}, ${tokens.length} tokens`,
      })
    return both
  }
  const config = (limits) => ({ issuer, audience, types: [type], keys: [jwk], limits })
  const ours = (limits) => host.createVerifier(config(limits))
  const encryption = { required: true, keys: { inline: { keys: [decryption] } } }
  const oursSealed = (limits) => host.createSealedVerifier({ ...config(limits), encryption })
  const whole = 'whole token'
  const only = 'signature only'

  const hot = ours({})
  const cold = ours({ key_table_bytes: 0 })
  const cached = ours({ cached_tokens: tokens.length })
  const [sealed, sealedCached] = [oursSealed({}), oursSealed({ cached_tokens: tokens.length })]
  for (const [name, list] of [
    [OURS, cases(sync, (token) => hot.verifySync(token), true)],
    [
      'datakit-token, hot key, claims read',
      cases(sync, (token) => hot.verifySync(token).claims, true),
    ],
    ['datakit-token, hot key, `await verify`', cases(waiting, (token) => hot.verify(token))],
    ['datakit-token, cold key', cases(sync, (token) => cold.verifySync(token))],
    ['datakit-token, cached', cases(sync, (token) => cached.verifySync(token), true)],
    [
      'datakit-token/sealed, hot key',
      cases(sync, (token) => sealed.verifySync(token), true, sealedTokens),
    ],
    [
      'datakit-token/sealed, cached',
      cases(sync, (token) => sealedCached.verifySync(token), true, sealedTokens),
    ],
  ]) {
    // Not through `enter`: if our own fails, so does the measurement.
    for (const row of list) {
      await row.run(16)
      rows.push({
        checks: whole,
        ...row,
        name: row.tokens === 1 ? name : `${name}, ${row.tokens} tokens`,
      })
    }
  }

  const subtle = globalThis.crypto.subtle
  const key = await subtle.importKey(
    'jwk',
    { kty: jwk.kty, crv: jwk.crv, x: jwk.x },
    { name: 'Ed25519' },
    true,
    ['verify'],
  )
  const options = {
    issuer,
    audience,
    typ: type,
    algorithms: ['EdDSA'],
    clockTolerance: 30,
    requiredClaims: ['exp'],
  }
  await enter('jose `jwtVerify`, CryptoKey', whole, () => {
    const { jwtVerify } = host.jose.library
    return cases(waiting, (token) => jwtVerify(token, key, options), true)
  })
  await enter('jose `jwtVerify`, local JWKS', whole, () => {
    const { createLocalJWKSet, jwtVerify } = host.jose.library
    const set = createLocalJWKSet({ keys: [jwk] })
    return cases(waiting, (token) => jwtVerify(token, set, options))
  })
  await enter('jose `jwtVerify`, CryptoKey, 16 at once', whole, () => {
    const { jwtVerify } = host.jose.library
    return cases(sixteen, (token) => jwtVerify(token, key, options))
  })
  await enter('jose `compactDecrypt` and `jwtVerify`, CryptoKeys', whole, async () => {
    const { compactDecrypt, importJWK, jwtVerify } = host.jose.library
    const opens = await importJWK(decryption, 'ECDH-ES')
    const call = async (token) =>
      jwtVerify((await compactDecrypt(token, opens)).plaintext, key, options)
    return cases(waiting, call, true, sealedTokens)
  })
  for (const [name, cache] of [
    ['fast-jwt, no cache', false],
    ['fast-jwt, cache', tokens.length],
  ]) {
    await enter(name, whole, () => {
      const fast = need(host.fastJwt, 'it needs `node:crypto`').createVerifier({
        key: pem,
        algorithms: ['EdDSA'],
        allowedIss: issuer,
        allowedAud: audience,
        checkTyp: type,
        clockTolerance: 30_000,
        requiredClaims: ['exp'],
        cache,
      })
      return cases(sync, fast, true)
    })
  }
  await enter('jsonwebtoken', whole, () => {
    const { verify } = need(host.jsonwebtoken, 'it needs `node:crypto`')
    const call = (token) =>
      verify(token, pem, { algorithms: ['EdDSA'], issuer, audience, clockTolerance: 30 })
    try {
      call(tokens[0])
    } catch (error) {
      throw new Error(`it verifies no EdDSA: ${error.message}`)
    }
    return cases(sync, call)
  })
  await enter('biscuit-wasm, its own token', whole, async () => {
    if (biscuit === undefined) throw new Error('there is no token of its own')
    return [
      {
        run: sync(biscuitCheck(await host.biscuit(), biscuit, issuer, audience)),
        tokens: 1,
        base: OURS,
      },
    ]
  })

  const bytes = new TextEncoder().encode(message)
  const signatureBytes = Uint8Array.from(signature)
  const single = (run) => [{ run, tokens: 1, base: OURS }]
  await enter('`node:crypto` verify', only, () => {
    const { createPublicKey, verify } = need(host.crypto, 'the runtime has none')
    const known = createPublicKey(pem)
    return single(sync(() => accept(verify(null, bytes, known, signatureBytes))))
  })
  await enter('WebCrypto `subtle.verify`', only, () =>
    single(waiting(async () => accept(await subtle.verify('Ed25519', key, signatureBytes, bytes)))),
  )
  await enter('@noble/ed25519 `verifyAsync`', only, () => {
    const point = Uint8Array.from(atob(jwk.x.replaceAll('-', '+').replaceAll('_', '/')), (letter) =>
      letter.charCodeAt(0),
    )
    return single(
      waiting(async () =>
        accept(await host.noble.library.verifyAsync(signatureBytes, bytes, point)),
      ),
    )
  })

  const results = await measure(rows)
  return {
    rows: results.map((result, index) => ({
      ...result,
      checks: rows[index].checks,
      tokens: rows[index].tokens,
    })),
    skipped,
  }
}

const OURS = 'datakit-token, hot key'

function need(entry, why) {
  if (entry === undefined) throw new Error(why)
  return entry.library
}

function accept(verdict) {
  if (verdict !== true) throw new Error('a good signature was refused')
}

/** Signature, issuer, audience and time, as the others check them; everything that can be is prepared before. */
function biscuitCheck({ Authorizer, Biscuit, Fact, PublicKey }, { token, root }, issuer, audience) {
  const key = PublicKey.fromString(root)
  const prepared = new Authorizer()
  prepared.addCode(
    `allow if issuer(${JSON.stringify(issuer)}), audience(${JSON.stringify(audience)})`,
  )
  const limits = { max_facts: 1000, max_iterations: 100, max_time_micro: 1_000_000 }
  return () => {
    const parsed = Biscuit.fromBase64(token, key)
    const authorizer = new Authorizer()
    authorizer.merge(prepared)
    const time = Fact.fromString(`time(${new Date().toISOString().slice(0, 19)}Z)`)
    authorizer.addFact(time)
    authorizer.addToken(parsed)
    authorizer.authorizeWithLimits(limits)
    for (const object of [time, authorizer, parsed]) object.free()
  }
}
