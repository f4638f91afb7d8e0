// The bundles of the package, one for each way in which a host compiles WebAssembly.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { glue } from './glue.mjs'
import { pack, unpacker } from './pack.mjs'

// An uncaught error shows the line that it was thrown in, which must not be the module's; and with white space,
// `@__PURE__` stays.
const LINE = 160
/** Entry point, file, format. */
export const BUNDLES = [
  ['inline', 'index.mjs', 'esm'],
  ['inline', 'index.cjs', 'cjs'],
  ['workerd', 'index.workerd.mjs', 'esm'],
  ['edge', 'index.edge.mjs', 'esm'],
]

/** Of the module with wide arithmetic. */
export const WIDE_BUNDLES = [['wide', 'index.mjs', 'esm']]
/** Entry points that need no module of their own. */
export const PLAIN = ['issuer', 'testing', 'fetch', 'express', 'fastify', 'hono', 'next', 'react']

/** Writes those that need no module of their own, each by its name. */
export async function writePlainBundles(dist) {
  for (const name of PLAIN)
    for (const [extension, format] of [
      ['mjs', 'esm'],
      ['cjs', 'cjs'],
    ])
      await bundle({
        ...settings(name, join(dist, `${name}.${extension}`), format),
        external: ['react'],
        plugins: [main],
      })
}

/** Writes those with a module; `input` has the output of wasm-bindgen, and `wasm` are the bytes of the module. */
export async function writeBundles(bundles, input, wasm, dist) {
  for (const [entry, outfile, format] of bundles)
    await bundle({
      ...settings(entry, join(dist, outfile), format),
      plugins: [core(join(input, 'datakit_token_npm_bg.js'), wasm)],
    })
}

/** Writes the command, for Node alone, with the glue of the module that lies beside the other bundles. */
export async function writeCommand(input, wasm, dist) {
  const outfile = join(dist, 'command.mjs')
  await bundle({
    ...settings('command', outfile, 'esm'),
    platform: 'node',
    banner: { js: '#!/usr/bin/env node' },
    plugins: [core(join(input, 'datakit_token_npm_bg.js'), wasm)],
  })
  chmodSync(outfile, 0o755)
}

/** Writes the script of the page that looks at tokens, with the module in it. */
export async function writeInspector(input, wasm, directory) {
  await build({
    ...settings('inspector', join(directory, 'inspector.js'), 'iife'),
    sourcemap: false,
    platform: 'browser',
    minify: true,
    plugins: [core(join(input, 'datakit_token_npm_bg.js'), wasm)],
  })
}

const settings = (entry, outfile, format) => ({
  entryPoints: [fileURLToPath(new URL(`../src/entry/${entry}.ts`, import.meta.url))],
  outfile,
  bundle: true,
  format,
  target: 'es2022',
  platform: 'neutral',
  minifySyntax: true,
  lineLimit: LINE,
  legalComments: 'none',
  sourcemap: 'linked',
})

/** Builds one, with a source map that has the sources of people, and not the module as text once more. */
async function bundle(options) {
  await build(options)
  const file = `${options.outfile}.map`
  const map = JSON.parse(readFileSync(file, 'utf8'))
  map.sourcesContent = map.sourcesContent.map((content, index) =>
    map.sources[index].endsWith('.ts') ? content : null,
  )
  // By their places in the repository, wherever this was built.
  map.sources = map.sources.map((source) => source.replace(/^(\.\.\/)+/, ''))
  writeFileSync(file, JSON.stringify(map))
}

/** What uses the main entry point uses that of the application, whose conditions have chosen it. */
const main = {
  name: 'main',
  setup(builder) {
    builder.onResolve({ filter: /^\.\.?\/(entry\/)?inline\.js$/ }, () => ({
      path: 'datakit-token',
      external: true,
    }))
  },
}

/**
 * Brings the generated modules to those who import them: the glue, and the module for entry points that have it inside.
 */
function core(generated, wasm) {
  const packed = Object.entries({ ...pack(wasm), unpacker: [...unpacker()] })
    .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)}`)
    .join('\n')
  return {
    name: 'core',
    setup(builder) {
      builder.onResolve({ filter: /^datakit-token-core(-glue)?$/ }, () => ({
        path: generated,
        sideEffects: false,
      }))
      builder.onLoad({ filter: /datakit_token_npm_bg\.js$/ }, () => ({
        contents: glue(readFileSync(generated, 'utf8'), wasm),
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
}
