// Bundles for workerd, and workerd itself.
import { basename, join } from 'node:path'
import { after } from 'node:test'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'

/** Bundles a worker as its tools would, with the installed tarball; `input` is esbuild's. The worker comes first. */
export async function bundle(input) {
  const { outputFiles } = await build({
    ...input,
    outdir: '.',
    write: false,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    nodePaths: [join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules')],
    external: ['cloudflare:workers'],
    loader: { '.wasm': 'copy' },
  })
  const modules = outputFiles.map(({ path, contents }) => ({
    type: path.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
    path: basename(path),
    contents,
  }))
  return modules.sort((one, other) => other.type.localeCompare(one.type))
}

/** Serves a bundle until the test or the file ends. */
export function start(modules, compatibilityDate, bindings) {
  const worker = new Miniflare({
    modules,
    compatibilityDate,
    bindings,
    host: '127.0.0.1',
    port: 0,
    // Or it would ask a server what to put there.
    cf: false,
  })
  after(() => worker.dispose())
  return worker
}
