// The installed tarball as edge functions run it: in a realm that may not compile anything, with a module of another
// realm.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { EdgeVM } from '@edge-runtime/vm'
import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'
import { check, vectors } from './support/check.mjs'
import { issue, issuer, key } from './support/issuer.mjs'

const dist = join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token/dist')
const codeGeneration = { strings: false, wasm: false }
/** Compiled here, as the host of an edge function does. */
const compile = (file) => new WebAssembly.Module(readFileSync(join(dist, file)))
const modules = { core: compile('core.wasm'), sealed: compile('sealed/core.wasm') }
const handsOver = {
  name: 'module',
  setup(builder) {
    builder.onResolve({ filter: /core\.wasm\?module$/ }, ({ importer }) => ({
      path: dirname(importer).endsWith('sealed') ? 'sealed' : 'core',
      namespace: 'handed-over',
    }))
    builder.onLoad({ filter: /.*/, namespace: 'handed-over' }, ({ path }) => ({
      contents: `export default globalThis.handedOver.${path}`,
    }))
  },
}

/** The package in an edge realm, as its bundler would take it. */
async function load(conditions) {
  const {
    outputFiles: [{ text }],
  } = await build({
    stdin: {
      contents: `export * from 'datakit-token'; export { observe } from './observe.mjs'
        export * as plain from 'datakit-token'; export * as sealed from 'datakit-token/sealed'`,
      resolveDir: fileURLToPath(new URL('support', import.meta.url)),
    },
    bundle: true,
    format: 'iife',
    globalName: 'datakit',
    target: 'es2022',
    write: false,
    conditions,
    nodePaths: [join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules')],
    plugins: [handsOver],
  })
  const vm = new EdgeVM({
    codeGeneration,
    extend: (context) => Object.assign(context, { handedOver: modules }),
  })
  vm.evaluate(text)
  assert.equal(
    vm.evaluate('handedOver.core instanceof WebAssembly.Module'),
    false,
    'the module is of this realm: nothing is tested',
  )
  assert.throws(
    () => vm.evaluate('new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))'),
    { name: 'CompileError' },
  )
  return vm
}

test('an edge function verifies with a module that was compiled outside of it', async () => {
  const vm = await load(['edge-light'])
  const k1 = key('k1')
  vm.context.given = JSON.stringify({
    config: { issuer, audience: 'api', keys: [k1.jwk] },
    tokens: [issue(k1, { permissions: ['a.b'] }), issue(k1, { exp: 1 }), 'x'],
  })
  const verdicts = await vm.evaluate(`(async () => {
    const { config, tokens } = JSON.parse(given)
    const verifier = datakit.createVerifier(config)
    return JSON.stringify(await Promise.all(tokens.map(async (token) => { const r = await verifier.safeVerify(token); return r.ok ? r.token.can('a.b') : r.error.code })))
  })()`)
  assert.deepEqual(JSON.parse(verdicts), [true, 'expired', 'malformed'])
})

test(`${vectors.length} vectors in an edge realm`, async () => {
  const vm = await load(['edge-light'])
  const faults = []
  for (let from = 0; from < vectors.length; from += 500) {
    vm.context.given = JSON.stringify(vectors.slice(from, from + 500))
    const observed = JSON.parse(
      await vm.evaluate(
        `(async () => JSON.stringify(await Promise.all(JSON.parse(given).map((vector) => datakit.observe(datakit, vector).catch((error) => ({ reason: String(error) }))))))()`,
      ),
    )
    for (const [index, one] of observed.entries()) {
      try {
        check(vectors[from + index], one)
      } catch (error) {
        faults.push(`${vectors[from + index].name}: ${error.message}`)
      }
    }
  }
  assert.equal(faults.length, 0, faults.join('\n'))
})

test('without its condition an edge runtime is told which one it needs', async () => {
  const vm = await load(['import'])
  vm.context.given = JSON.stringify({ issuer, audience: 'api', keys: [key('k1').jwk] })
  assert.throws(() => vm.evaluate('datakit.createVerifier(JSON.parse(given))'), {
    name: 'WasmBlockedError',
    message: /the condition `edge-light`/,
  })
})
