// One fresh process: start.mjs first-verdict ENTRY CONFIG TOKEN, or start.mjs compile WASM. Prints milliseconds as
// JSON.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [what, file, config, token] = process.argv.slice(2)
if (what === 'compile') {
  const bytes = readFileSync(file)
  const start = performance.now()
  new WebAssembly.Module(bytes)
  console.log(JSON.stringify({ compile: performance.now() - start }))
} else {
  const start = performance.now()
  const { createVerifier } = await import(pathToFileURL(file))
  const imported = performance.now()
  const verifier = createVerifier(JSON.parse(config))
  const created = performance.now()
  verifier.verifySync(token)
  const end = performance.now()
  console.log(
    JSON.stringify({
      import: imported - start,
      create: created - imported,
      verify: end - created,
      'after the import': end - imported,
      whole: end - start,
    }),
  )
}
