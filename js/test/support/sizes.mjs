// What the package weighs and how long it takes to start; for the test that guards it, and for the benchmark.
import { execFileSync } from 'node:child_process'
import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { newKey } from './key.mjs'

// Bytes: what was measured last, and 2 % for other compilers. These only go down, and went up three times: names, paths
// and hosts as upstreams fold them are 4,000; refusals that name their claim, keys that may be new, paths as they are
// sent and more presets are 8,500; `isRevoked`, `log` and `ruleOf` are 1,500. The goals are 40,000 and 50,000.
export const limits = {
  'core.wasm': { gzip: 141_000 },
  // With X25519 and AES-GCM.
  'sealed/core.wasm': { gzip: 164_300 },
  'createVerifier, bundled': { gzip: 151_500 },
  'TokenError, bundled': { raw: 10_000 },
  // Signs with Web Crypto: most of it are the checks of what it is given, and what they say.
  'issuer, bundled': { gzip: 4_150 },
}

/** `raw`, `gzip` and `brotli` of what users load, by name; `project` is where the package is installed. */
export async function sizes(project) {
  const dist = join(project, 'node_modules/datakit-token/dist')
  const bundle = async (name, entry = 'datakit-token') => {
    const { outputFiles } = await build({
      stdin: { contents: `export { ${name} } from '${entry}'`, resolveDir: project },
      bundle: true,
      minify: true,
      platform: 'browser',
      format: 'esm',
      legalComments: 'none',
      write: false,
    })
    return outputFiles[0].contents
  }
  const contents = {
    'core.wasm': readFileSync(join(dist, 'core.wasm')),
    'sealed/core.wasm': readFileSync(join(dist, 'sealed/core.wasm')),
    'createVerifier, bundled': await bundle('createVerifier'),
    // For pages that only tell errors apart.
    'TokenError, bundled': await bundle('TokenError'),
    'issuer, bundled': await bundle('createIssuer, createKeyRing', 'datakit-token/issuer'),
    'index.workerd.mjs': readFileSync(join(dist, 'index.workerd.mjs')),
  }
  return Object.fromEntries(
    Object.entries(contents).map(([name, content]) => [
      name,
      {
        raw: content.length,
        gzip: gzipSync(content, { level: 9 }).length,
        brotli: brotliCompressSync(content).length,
      },
    ]),
  )
}

/**
 * Median and minimum milliseconds of fresh processes, for each phase from the import to the first verdict, and for
 * `compile` alone.
 */
export function starts(project, processes) {
  const dist = join(project, 'node_modules/datakit-token/dist')
  const { publicKey, privateKey } = newKey()
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: 'https://id.example.com',
    aud: 'api',
    exp: Math.floor(Date.now() / 1000) + 600,
    sub: 'acnt_7f3a',
    permissions: ['ingest.logging'],
  }
  const signed = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })}.${encode(claims)}`
  const token = `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
  const config = JSON.stringify({
    issuer: claims.iss,
    audience: claims.aud,
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }],
  })
  const script = join(dirname(fileURLToPath(import.meta.url)), 'start.mjs')
  const run = (...words) =>
    JSON.parse(execFileSync(process.execPath, [script, ...words], { encoding: 'utf8' }))
  const times = Array.from({ length: processes }, () => ({
    ...run('first-verdict', join(dist, 'index.mjs'), config, token),
    ...run('compile', join(dist, 'core.wasm')),
  }))
  return Object.fromEntries(
    Object.keys(times[0]).map((phase) => {
      const list = times.map((time) => time[phase]).sort((one, other) => one - other)
      return [phase, { median: list[Math.floor(list.length / 2)], minimum: list[0] }]
    }),
  )
}
