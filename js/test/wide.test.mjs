// The module with wide arithmetic gives the verdict of every shared vector, in Bun, which takes it by itself.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { vectors } from './support/check.mjs'

const bun = join(dirname(createRequire(import.meta.url).resolve('bun/package.json')), 'bin/bun.exe')
const script = fileURLToPath(new URL('support/all_vectors.mjs', import.meta.url))

test('every shared vector in Bun, with wide arithmetic', (context) => {
  const project = process.env.DATAKIT_TOKEN_PACKAGE
  const { status, stdout, stderr } = spawnSync(bun, [script, project], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 240_000,
  })
  assert.equal(status, 0, stderr)
  const { files, count, failures } = JSON.parse(stdout.trim().split('\n').at(-1))
  assert.match(files[0], /dist[/\\]wide[/\\]index\.mjs$/)
  // That it is this module which has been judged by, and not the one for older hosts.
  const file = join(project, 'node_modules/datakit-token/dist/wide/core.wasm')
  const valid = `console.log(WebAssembly.validate(require('node:fs').readFileSync(${JSON.stringify(file)})))`
  assert.equal(spawnSync(bun, ['--eval', valid], { encoding: 'utf8' }).stdout, 'true\n')
  assert.deepEqual(failures, [])
  context.diagnostic(`${count} vectors`)
  assert.equal(count, vectors.length)
})
