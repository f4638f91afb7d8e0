// Makes pkg/dist from the output of wasm-bindgen and the JSON Schema: node build.mjs DIRECTORY SCHEMA
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { binaryen } from './binaryen.mjs'
import { pack, unpacker } from './pack.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)
const [input, schema] = process.argv.slice(2)
if (!input || !schema)
  throw new Error(
    'usage: node build.mjs DIRECTORY SCHEMA (the output of wasm-bindgen, the JSON Schema)',
  )
const dist = join(here, '../pkg/dist')
rmSync(dist, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })

const wasm = join(dist, 'core.wasm')
const features = [
  'bulk-memory',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
  'multivalue',
]
// V8 compiles a function when it is called first: one that holds all that is called once would take milliseconds, and so would
// each little one by itself.
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

/** The module for entry points that have it inside. */
const packed = Object.entries({ ...pack(readFileSync(wasm)), unpacker: [...unpacker()] })
  .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)}`)
  .join('\n')

/**
 * The generated glue, with its imports and exports by names that do not change, so that who does not need the core need not have
 * it. It makes its text codecs when they are used first: an import must not need them (jsdom has none).
 */
function glue(generated) {
  const codecs = [
    [
      /^let cachedTextDecoder = new TextDecoder\((.*)\);\ncachedTextDecoder\.decode\(\);$/m,
      'let cachedTextDecoder = { decode: (bytes) => (cachedTextDecoder = new TextDecoder($1)).decode(bytes) };',
    ],
    [
      /^const cachedTextEncoder = new TextEncoder\(\);\n\nif \(!\('encodeInto' in cachedTextEncoder\)\) \{\n[^]*?\n\}$/m,
      'let cachedTextEncoder = { encodeInto: (text, view) => (cachedTextEncoder = new TextEncoder()).encodeInto(text, view) };',
    ],
  ]
  const text = codecs.reduce((text, [pattern, lazy]) => {
    if (!pattern.test(text))
      throw new Error(`wasm-bindgen writes another glue: nothing in it is like ${pattern}`)
    return text.replace(pattern, lazy)
  }, generated)
  const imported = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(wasm))).map(
    ({ name }) => name,
  )
  return `${text}\nexport const imports = () => ({ ${imported.join(', ')} })\nexport { __wbg_set_wasm as use }\n`
}

const core = {
  name: 'core',
  setup(builder) {
    builder.onResolve({ filter: /^datakit-token-core$/ }, () => ({
      path: join(input, 'datakit_token_npm_bg.js'),
      sideEffects: false,
    }))
    builder.onLoad({ filter: /datakit_token_npm_bg\.js$/ }, ({ path }) => ({
      contents: glue(readFileSync(path, 'utf8')),
    }))
    builder.onResolve({ filter: /^datakit-token-core-packed$/ }, ({ path }) => ({
      path,
      namespace: 'packed',
      sideEffects: false,
    }))
    builder.onLoad({ filter: /.*/, namespace: 'packed' }, () => ({ contents: packed }))
    builder.onResolve({ filter: /core\.wasm(\?module)?$/ }, ({ path }) => ({
      path,
      external: true,
    }))
  },
}
// An uncaught error shows the line that it was thrown in, which must not be the module's; and with white space, `@__PURE__` stays.
const LINE = 160
const entry = (name) => join(here, 'src/entry', `${name}.ts`)
const bundle = (name, outfile, format) =>
  build({
    entryPoints: [entry(name)],
    outfile: join(dist, outfile),
    bundle: true,
    format,
    target: 'es2022',
    platform: 'neutral',
    minifySyntax: true,
    lineLimit: LINE,
    legalComments: 'none',
    plugins: [core],
  })
await bundle('inline', 'index.mjs', 'esm')
await bundle('inline', 'index.cjs', 'cjs')
await bundle('workerd', 'index.workerd.mjs', 'esm')
await bundle('edge', 'index.edge.mjs', 'esm')

const types = join(here, '../target/types')
rmSync(types, { recursive: true, force: true })
execFileSync(
  process.execPath,
  [
    join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'),
    '-p',
    here,
    '--outDir',
    types,
  ],
  { stdio: 'inherit' },
)
// One declaration file for each module system, as resolvers want them.
// What no public declaration refers to stays inside.
const inner = ['core.d.ts', 'fetcher.d.ts', 'generated.d.ts', 'verdict.d.ts']
const names = readdirSync(types).filter((name) => name.endsWith('.d.ts') && !inner.includes(name))
for (const [extension, module] of [
  ['d.mts', 'mjs'],
  ['d.cts', 'cjs'],
]) {
  for (const name of names) {
    const text = readFileSync(join(types, name), 'utf8').replaceAll(
      /'\.\/(\w+)\.js'/g,
      `'./$1.${module}'`,
    )
    writeFileSync(join(dist, name.replace(/d\.ts$/, extension)), text)
  }
  const index = `export * from './api.${module}'\nimport type { Claims } from './claims.${module}'\nimport type { CreateOptions, Verifier } from './verifier.${module}'\nimport type { Configuration, ShortConfiguration } from './configuration.${module}'\n/** Compiles a configuration; throws a \`ConfigurationError\`. No initialisation is needed before. */\nexport declare function createVerifier<C = Claims>(config: Configuration | ShortConfiguration, options?: CreateOptions): Verifier<C>\n`
  writeFileSync(join(dist, `index.${extension}`), index)
}
writeFileSync(
  join(dist, 'core.wasm.d.ts'),
  'declare const module: WebAssembly.Module\nexport default module\n',
)
// For people, and for tools that show them: the core has its own copy.
const presets = join(here, '../crates/token/presets')
mkdirSync(join(dist, 'presets'))
for (const name of readdirSync(presets))
  copyFileSync(join(presets, name), join(dist, 'presets', name))
copyFileSync(schema, join(dist, 'config.schema.json'))
for (const name of ['LICENSE-MIT', 'LICENSE-APACHE'])
  copyFileSync(join(here, '..', name), join(here, '../pkg', name))
