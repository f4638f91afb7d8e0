// Memory stays where it is: many verifiers that are given back, in Node and in workerd without a FinalizationRegistry.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { issue, issuer, key } from './support/issuer.mjs'
import { bundle, start } from './support/workerd.mjs'

const { createVerifier } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)('datakit-token')
const k1 = key('k1')
const config = { issuer, audience: 'api', keys: [k1.jwk] }
const token = issue(k1, { sub: 'alice' })
const MIB = 1 << 20
/** What garbage and pages may wander by: 400 bytes for each verifier would be seen. */
const ROOM = 20 * MIB
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

test('50,000 verifiers made and given back in Node', async (context) => {
  const make = async (count) => {
    for (let number = 0; number < count; number++) {
      const verifier = createVerifier(config)
      if (number % 100 === 0) assert.equal(verifier.verifySync(token).subject, 'alice')
      verifier.free()
    }
    collect()
    return process.memoryUsage.rss()
  }
  // Until then memory is taken that is used again and again.
  const before = await make(20_000)
  const grown = (await make(50_000)) - before
  context.diagnostic(`grown by ${(grown / MIB).toFixed(1)} MiB`)
  assert.ok(grown < ROOM, `${grown} bytes`)
})

/** Resident bytes of the workerd that this process has started. */
function residentOfWorkerd() {
  const own = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      const [, command, rest] = /^\d+ \((.*)\) (.*)$/s.exec(
        readFileSync(`/proc/${name}/stat`, 'utf8'),
      )
      return command.startsWith('workerd') && Number(rest.split(' ')[1]) === process.pid
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
  assert.equal(own.length, 1)
  const [, pages] = readFileSync(`/proc/${own[0]}/statm`, 'utf8').split(' ')
  return Number(pages) * 4096
}

test('50,000 verifiers made and given back in workerd, which collects none of them', {
  timeout: 120_000,
}, async (context) => {
  // Only Linux says it without a tool of its own.
  if (process.platform !== 'linux') return
  const worker = start(
    await bundle({
      stdin: {
        contents: `import { createVerifier } from 'datakit-token'
          export default { fetch() {
            for (let number = 0; number < 5_000; number++) createVerifier(${JSON.stringify(config)}).free()
            return new Response(typeof FinalizationRegistry)
          } }`,
        resolveDir: process.env.DATAKIT_TOKEN_PACKAGE,
      },
    }),
    // Of before there was such a registry.
    '2024-01-01',
  )
  const url = await worker.ready
  const make = async () => (await fetch(url)).text()
  assert.equal(await make(), 'undefined')
  // Its heap grows to what it likes to have, which takes 70,000 of them, and then stays.
  for (let round = 0; round < 20; round++) await make()
  const before = residentOfWorkerd()
  for (let round = 0; round < 10; round++) await make()
  const grown = residentOfWorkerd() - before
  context.diagnostic(`grown by ${(grown / MIB).toFixed(1)} MiB`)
  assert.ok(grown < ROOM, `${grown} bytes`)
})
