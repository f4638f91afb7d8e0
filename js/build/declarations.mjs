// The declarations of the package, as the compiler writes them.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PLAIN } from './bundles.mjs'

const compiler = createRequire(import.meta.url).resolve('typescript/package.json')
const project = fileURLToPath(new URL('..', import.meta.url))
/** What each entry point declares; those that differ in the module alone declare the same. */
const ENTRIES = ['inline', ...PLAIN].map((name) => `entry/${name}`)
/** An import of another file of the package. */
const IMPORT = /'(\.\.?\/[\w./]+)\.js'/g

/**
 * Writes what a caller of the package can get at, and nothing else: once for each module system, as resolvers want it.
 * `input` has the output of wasm-bindgen.
 */
export function writeDeclarations(input, dist) {
  const compiled = compile(input)
  const declaration = (name) => readFileSync(join(compiled, `${name}.d.ts`), 'utf8')
  const declared = new Set()
  for (const entry of ENTRIES) reachable(entry, declaration, declared)
  for (const name of declared)
    for (const [extension, module] of [
      ['d.mts', 'mjs'],
      ['d.cts', 'cjs'],
    ]) {
      const file = join(dist, `types/${name}.${extension}`)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, declaration(name).replaceAll(IMPORT, `'$1.${module}'`))
    }
  writeFileSync(
    join(dist, 'core.wasm.d.ts'),
    'declare const module: WebAssembly.Module\nexport default module\n',
  )
}

/** Compiles the command, which declares nothing: by itself, as nothing else may know the types of Node. */
export const checkCommand = (input) => compileWith(input, 'tsconfig.command.json', {})

/** All declarations, in a directory below the input. */
function compile(input) {
  const compiled = join(input, 'types')
  rmSync(compiled, { recursive: true, force: true })
  compileWith(input, 'tsconfig.json', { outDir: compiled })
  return compiled
}

/** Runs the compiler. The input is wherever the build keeps it. */
function compileWith(input, base, options) {
  const settings = {
    extends: join(project, base),
    compilerOptions: {
      ...options,
      paths: { 'datakit-token-core': [join(input, 'datakit_token_npm.d.ts')] },
    },
  }
  const file = join(input, base)
  writeFileSync(file, JSON.stringify(settings))
  execFileSync(process.execPath, [join(dirname(compiler), 'bin/tsc'), '-p', file], {
    stdio: 'inherit',
  })
}

/** Finds the file, and all that it refers to. */
function reachable(name, declaration, found) {
  if (found.has(name)) return found
  found.add(name)
  for (const [, target] of declaration(name).matchAll(IMPORT))
    reachable(normalize(join(dirname(name), target)), declaration, found)
}
