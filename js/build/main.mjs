// Makes pkg/dist and pkg/inspector from the JSON Schema and the output of wasm-bindgen for each module:
// node main.mjs SCHEMA CORE SEALED WIDE
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binaryen } from './binaryen.mjs'
import {
  BUNDLES,
  WIDE_BUNDLES,
  writeBundles,
  writeCommand,
  writeInspector,
  writePlainBundles,
} from './bundles.mjs'
import { checkCommand, writeDeclarations } from './declarations.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const [schema, core, sealed, wide] = process.argv.slice(2)
if (!schema || !core || !sealed || !wide)
  throw new Error(
    'usage: node main.mjs SCHEMA CORE SEALED WIDE (the JSON Schema, three outputs of wasm-bindgen)',
  )
const dist = join(root, 'pkg/dist')
rmSync(dist, { recursive: true, force: true })
/** Each entry point of the package has a directory, with a module of its own. */
const ENTRIES = [
  [core, dist, BUNDLES],
  [sealed, join(dist, 'sealed'), BUNDLES],
  // For hosts with wide arithmetic.
  [wide, join(dist, 'wide'), WIDE_BUNDLES],
]

const features = [
  'bulk-memory',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
  'multivalue',
]
for (const [input, directory, bundles] of ENTRIES) {
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
    ...[...features, ...(input === wide ? ['wide-arithmetic'] : [])].map(
      (name) => `--enable-${name}`,
    ),
    join(input, 'datakit_token_npm_bg.wasm'),
    '-o',
    wasm,
  )
  await writeBundles(bundles, input, readFileSync(wasm), directory)
}
const sums = ENTRIES.map(([, directory]) => {
  const file = join(directory, 'core.wasm')
  // As `sha256sum -c` reads it.
  return `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${relative(dist, file)}\n`
})
writeFileSync(join(dist, 'SHA256SUMS'), sums.join(''))
await writePlainBundles(dist)
checkCommand(sealed)
await writeCommand(sealed, readFileSync(join(dist, 'sealed/core.wasm')), dist)

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
