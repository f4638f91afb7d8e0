// The declarations of the installed tarball, for a user who checks libraries as well.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { sample } from './support/sample.mjs'

const project = join(process.env.DATAKIT_TOKEN_PACKAGE, 'types')
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')

const program = `
import { createVerifier, remoteBundle, remoteKeySet, type Configuration, type Store, type Verifier } from 'datakit-token'
export const everything: Configuration = ${JSON.stringify(sample)}
const store: Store = { get: async () => null, set: () => {} }
const short: Verifier = createVerifier({ issuer: 'i', audience: 'a', keys: remoteKeySet(new URL('https://a.example/jwks.json'), { refresh: '1m', store }) })
const bundle = remoteBundle('https://a.example/bundle.jwt', { roots: { keys: [] } })
const whole = createVerifier<{ sub: string }>(
  { version: 1, providers: [{ name: 'm', issuer: 'i', audiences: ['a'], keys: bundle, revocations: [{ match: { jti: 'x' } }] }] },
  { onFault: ({ code }) => console.log(code) },
)
export async function run(): Promise<string> {
  const decision = await short.decide({ method: 'GET', path: '/', headers: {} })
  if (decision.verdict === 'deny') console.log(decision.reason, short.fresh, short.sources[0]?.sequence)
  if (decision.verdict === 'observe') console.log(decision.reason, decision.upstream.path)
  if (decision.verdict === 'allow') decision.token?.authorize('log.Query', { workspace: 'wksp_5b8d' })
  const here = short.decideSync({ method: 'GET', path: '/', headers: {}, connection: { client_address: '10.0.0.1' } })
  if (here.verdict === 'allow' && here.token?.can('log.Query')) console.log(here.token.subject)
  return (await whole.verify('x')).claims.sub
}
// @ts-expect-error an option that does not exist
remoteKeySet('https://a.example', { refesh: '1m' })
// @ts-expect-error either a requirement or an allowance
export const both: Configuration['rules'] = [{ match: {}, allow: 'anyone', require: { permission: 'p' } }]
// @ts-expect-error no audience
createVerifier({ issuer: 'i', keys: [] })
`

for (const [extension, module] of [['mts', 'nodenext'], ['cts', 'nodenext'], ['ts', 'bundler']]) {
  test(`declarations: .${extension}, ${module}`, () => {
    mkdirSync(project, { recursive: true })
    const file = join(project, `program.${extension}`)
    writeFileSync(file, program)
    const options = {
      target: 'es2022', module: module === 'bundler' ? 'esnext' : module, moduleResolution: module, strict: true, noEmit: true,
      skipLibCheck: false, exactOptionalPropertyTypes: true, lib: ['es2022', 'dom', 'dom.iterable'], types: [],
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [file] }))
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  })
}
