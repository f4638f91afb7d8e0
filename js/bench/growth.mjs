// What grows with the configuration or the token, and what does not: growth.mjs RESULT, a file. In Node.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { audience, claims, issue, issuer, signer } from './fixture.mjs'
import { measure, sync } from './measure.mjs'

const { createVerifier } = await import(
  pathToFileURL(
    join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token/dist/index.mjs'),
  )
)
const key = signer('k1')
const token = issue(key, claims(0))
const rows = []
const grow = (family, sizes, make) => {
  for (const size of sizes)
    rows.push({
      family,
      size,
      name: `${family} ${size}`,
      base: `${family} ${sizes[0]}`,
      run: sync(make(size)),
    })
}
const short = (more) => createVerifier({ issuer, audience, keys: [key.jwk], ...more })

// A set has 64 keys at most; the rest are those of other providers.
const others = Array.from({ length: 1000 }, (_, number) => signer(`k${number + 1}`))
grow('keys', [1, 10, 64, 1000], (size) => {
  const providers = []
  for (let first = 0; first < size; first += 64) {
    const number = providers.length
    providers.push({
      name: `p${number}`,
      issuer: number === 0 ? issuer : `${issuer}/${number}`,
      audiences: [audience],
      keys: {
        inline: { keys: others.slice(first, Math.min(first + 64, size)).map(({ jwk }) => jwk) },
      },
    })
  }
  const verifier = createVerifier({ version: 1, providers })
  // The last key of the last provider: whoever asks one after the other asks all.
  const own = issue(others[size - 1], { ...claims(0), iss: providers.at(-1).issuer })
  return () => verifier.verifySync(own)
})

const rules = (count) =>
  Array.from({ length: count }, (_, number) =>
    number % 2
      ? {
          match: { methods: ['GET'], path: { template: `/v1/area${number}/{workspace}/**` } },
          require: {
            all: [
              { permission: 'ingest.logging' },
              { claim: '/workspace', equals: { path_param: 'workspace' } },
            ],
          },
        }
      : {
          match: { path: { prefix: `/v1/area${number}/` } },
          require: { permission: `area.${number}` },
        },
  )
for (const [family, cached_tokens] of [
  ['rules', 0],
  ['rules, token cached', 10],
]) {
  grow(family, [10, 100, 1000, 10_000], (size) => {
    const verifier = short({ rules: rules(size), limits: { cached_tokens } })
    const request = {
      method: 'GET',
      path: `/v1/area${size - 1}/${claims(0).workspace}/x`,
      headers: { authorization: `Bearer ${token}` },
    }
    return () => {
      if (verifier.decideSync(request).verdict !== 'allow') throw new Error('the request must pass')
    }
  })
}

grow('revocations', [10, 1000, 100_000], (size) => {
  const revocations = Array.from({ length: size }, (_, number) =>
    number % 2
      ? { match: { jti: `revoked-${String(number).padStart(8, '0')}` } }
      : { match: { sub: `gone_${String(number).padStart(8, '0')}` }, issued_before: 1_790_000_000 },
  )
  const verifier = short({ revocations })
  return () => verifier.verifySync(token)
})

grow('token bytes', [300, 600, 1000, 2000, 4000, 8000], (size) => {
  // Permissions as a large token has them, and a member that fills what is left.
  const make = (permissions, filler) =>
    issue(key, { ...(permissions.length > 0 ? { permissions } : {}), filler: 'x'.repeat(filler) })
  const permissions = []
  while (make([...permissions, `area${permissions.length}.write`], 0).length < size - 8)
    permissions.push(`area${permissions.length}.write`)
  let filler = 0
  while (make(permissions, filler + 1).length <= size) filler++
  const own = make(permissions, filler)
  if (Math.abs(own.length - size) > 2) throw new Error(`a token of ${own.length} bytes for ${size}`)
  const verifier = short({})
  return () => verifier.verifySync(own)
})

const results = await measure(rows, { rounds: 21 })
writeFileSync(
  process.argv[2],
  JSON.stringify(
    results.map(({ median, minimum, ratio, ratioOfMinima }, index) => ({
      family: rows[index].family,
      size: rows[index].size,
      median,
      minimum,
      ratio,
      ratioOfMinima,
    })),
  ),
)
