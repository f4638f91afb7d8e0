// The contest in Node, Deno and Bun: host.mjs FIXTURE RESULT, both files.
import * as crypto from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { biscuit } from './biscuit.mjs'
import { contest } from './contest.mjs'

const [fixture, result] = process.argv.slice(2)
const require = createRequire(import.meta.url)
const dist = join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token/dist')
const { createVerifier } = await import(pathToFileURL(join(dist, 'index.mjs')))
const sealed = await import(pathToFileURL(join(dist, 'sealed/index.mjs')))
/** The library, or an object whose use says that there is none. */
const load = async (name, how) => {
  try {
    return { library: await how() }
  } catch {
    return {
      get library() {
        throw new Error(`${name} is not installed`)
      },
    }
  }
}
const host = {
  createVerifier,
  createSealedVerifier: sealed.createVerifier,
  crypto: { library: crypto },
  jose: await load('jose', () => import('jose')),
  noble: await load('@noble/ed25519', () => import('@noble/ed25519')),
  fastJwt: await load('fast-jwt', () => require('fast-jwt')),
  jsonwebtoken: await load('jsonwebtoken', () => require('jsonwebtoken')),
  biscuit: async () => {
    const place = new URL('node_modules/@biscuit-auth/biscuit-wasm/module/', import.meta.url)
    return biscuit(
      await import(new URL('biscuit_bg.js', place)),
      new WebAssembly.Module(readFileSync(new URL('biscuit_bg.wasm', place))),
    )
  },
}
writeFileSync(
  result,
  JSON.stringify(await contest(JSON.parse(readFileSync(fixture, 'utf8')), host)),
)
// Timers of a rival must not keep the process.
process.exit(0)
