// Makes pkg/dist and pkg/inspector from the JSON Schema and the output of wasm-bindgen for each module: node main.mjs SCHEMA CORE SEALED
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binaryen } from './binaryen.mjs'
import { writeBundles, writeInspector, writePlainBundles } from './bundles.mjs'
import { writeDeclarations } from './declarations.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const [schema, core, sealed] = process.argv.slice(2)
if (!schema || !core || !sealed)
  throw new Error(
    'usage: node main.mjs SCHEMA CORE SEALED (the JSON Schema, two outputs of wasm-bindgen)',
  )
const dist = join(root, 'pkg/dist')
rmSync(dist, { recursive: true, force: true })
/** Each entry point of the package has a directory, with a module of its own. */
const ENTRIES = [
  [core, dist],
  [sealed, join(dist, 'sealed')],
]

const features = [
  'bulk-memory',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
  'multivalue',
]
for (const [input, directory] of ENTRIES) {
  mkdirSync(directory, { recursive: true })
  const wasm = join(directory, 'core.wasm')
  // V8 compiles a function when it is called first: one that holds all that is called once would take milliseconds, and
  // so would each little one by itself.
  binaryen(
    'wasm-opt',
    '-Oz',
    '--converge',
    '--one-caller-inline-max-function-size=50',
    '--always-inline-max-function-size=5',
    '--strip-producers',
    ...features.map((name) => `--enable-${name}`),
    join(input, 'datakit_token_npm_bg.wasm'),
    '-o',
    wasm,
  )
  await writeBundles(input, readFileSync(wasm), directory)
}
await writePlainBundles(dist)

// A page for a folder or a server, with its files beside each other.
const inspector = join(root, 'pkg/inspector')
rmSync(inspector, { recursive: true, force: true })
mkdirSync(inspector)
await writeInspector(core, readFileSync(join(dist, 'core.wasm')), inspector)
for (const name of ['index.html', 'inspector.css'])
  copyFileSync(join(root, 'js/inspector', name), join(inspector, name))
writeDeclarations(core, dist)

// For people, and for tools that show them: the core has its own copy.
const presets = join(root, 'crates/token/presets')
mkdirSync(join(dist, 'presets'))
for (const name of readdirSync(presets))
  copyFileSync(join(presets, name), join(dist, 'presets', name))
copyFileSync(schema, join(dist, 'config.schema.json'))
for (const name of ['LICENSE-MIT', 'LICENSE-APACHE'])
  copyFileSync(join(root, name), join(root, 'pkg', name))
