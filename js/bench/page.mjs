// The contest in a page.
import * as glue from './node_modules/@biscuit-auth/biscuit-wasm/module/biscuit_bg.js'
import * as noble from '@noble/ed25519'
import { createVerifier } from 'datakit-token'
import { createVerifier as createSealedVerifier } from 'datakit-token/sealed'
import * as jose from 'jose'
import { biscuit } from './biscuit.mjs'
import { contest } from './contest.mjs'

globalThis.run = async () => {
  const fixture = await (await fetch('fixture.json')).json()
  const host = {
    createVerifier,
    createSealedVerifier,
    jose: { library: jose },
    noble: { library: noble },
    biscuit: async () => biscuit(glue, await WebAssembly.compileStreaming(fetch('biscuit.wasm'))),
  }
  return contest(fixture, host)
}
