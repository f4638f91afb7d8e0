// The declarations of the installed tarball, for a user who checks libraries as well.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mutations } from './support/mutations.mjs'
import { sample } from './support/sample.mjs'
import { fits, schema } from './support/schema.mjs'

const project = join(process.env.DATAKIT_TOKEN_PACKAGE, 'types')
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
)

const codes = schema.$defs.ResponsesConfig.properties.status.propertyNames.enum
const program = `
import { createVerifier, decodeUnverified, remoteBundle, remoteKeySet, type Configuration, type Decision, type Reason, type Requirement, type Store, type VerifiedToken, type Verifier } from 'datakit-token'
declare const verified: VerifiedToken
export const everything: Configuration = ${JSON.stringify(sample)}
// All of them, and no others.
export const reasons: Record<Reason, number> = ${JSON.stringify(Object.fromEntries(codes.map((code) => [code, 503])))}
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
  if (decision.verdict === 'allow') decision.token?.authorize('log.Query', { workspace: 'wksp_5b8d', level: 3, wide: 3n, staff: true })
  const here = short.decideSync({ method: 'GET', path: '/', headers: {}, connection: { client_address: '10.0.0.1' } })
  if (here.verdict === 'allow' && here.token?.can('log.Query')) console.log(here.token.subject)
  return (await whole.verify('x')).claims.sub
}
export const observing = createVerifier(everything, { environment: { SECRET: 'dfk_1', OTHER: undefined } })
// @ts-expect-error a property that no connection has
short.decideSync({ method: 'GET', path: '/', headers: {}, connection: { clientAddress: '10.0.0.1' } })
// @ts-expect-error an object is no value of a claim
verified.can('log.Query', { workspace: {} })
// @ts-expect-error what nobody has verified is no verified token
export const believed: VerifiedToken = decodeUnverified('x')
// @ts-expect-error nor has it its members
export const name: unknown = decodeUnverified('x').claims
export const hinted: unknown = decodeUnverified('x').unverifiedClaims?.sub
// @ts-expect-error a token may be absent
export const subject = (decision: Decision): string | undefined => decision.verdict === 'allow' ? decision.token.subject : undefined
// @ts-expect-error one of the two
export const two: Requirement = { permission: 'p', role: 'r' }
// @ts-expect-error an option that does not exist
remoteKeySet('https://a.example', { refesh: '1m' })
// @ts-expect-error either a requirement or an allowance
export const both: Configuration['rules'] = [{ match: {}, allow: 'anyone', require: { permission: 'p' } }]
// @ts-expect-error no audience
createVerifier({ issuer: 'i', keys: [] })
// What a header gives may be nothing.
export const maybe = (headers: Headers) => short.safeVerify(headers.get('authorization')?.slice(7))
export const kept: Store = { get: () => null, put: () => {} }
export const named = (decision: Decision): string | undefined => decision.verdict === 'allow' ? undefined : decision.claim ?? decision.message
export const said: readonly string[] = short.warnings.map(({ pointer, problem }) => pointer + problem)
short.free()
short[Symbol.dispose]()
// What servers hand over.
interface Incoming {
  method?: string; url?: string; rawHeaders: string[]; headers: Record<string, string | string[] | undefined>
  connection: { encrypted: boolean }
}
export const served = (node: Incoming, express: Incoming & { originalUrl: string; path: string }, wrapped: { raw: Incoming; originalUrl: string; headers: Incoming['headers'] }, fetched: Request) =>
  [short.decideSync(node), short.decideSync(express), short.decideSync(wrapped), short.decideSync(fetched)]
`
/** For a server without the types of a page. */
const server = `
import type { IncomingMessage } from 'node:http'
import { createVerifier, remoteKeySet } from 'datakit-token'
const verifier = createVerifier({ issuer: 'i', audience: 'a', keys: remoteKeySet('https://a.example/jwks.json') })
export const decide = (request: IncomingMessage) => verifier.decide(request)
`

/** Adapters, with the types of the frameworks themselves. */
const adapters = `
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { createElement } from 'react'
import { createVerifier, type VerifiedToken } from 'datakit-token'
import * as forExpress from 'datakit-token/express'
import { datakitToken } from 'datakit-token/fastify'
import { withToken } from 'datakit-token/fetch'
import * as forHono from 'datakit-token/hono'
import { createProxy } from 'datakit-token/next'
import { createIssuer, type KeyRing } from 'datakit-token/issuer'
import { Can, TokenProvider, useToken } from 'datakit-token/react'
const verifier = createVerifier<{ sub: string }>({ issuer: 'i', audience: 'a', keys: [] })
const plain = createVerifier({ issuer: 'i', audience: 'a', keys: [] })
const app = express()
app.use(forExpress.verifyToken({ verifier, permission: 'a', rewrite: true }))
app.get('/x', forExpress.requirePermission('x', { tenant: 't1' }), (request, response) => {
  const token: VerifiedToken | undefined = request.token
  response.send(token?.subject)
})
await fastify().register(datakitToken, { verifier: plain })
new Hono<{ Variables: forHono.TokenVariables }>()
  .use(forHono.verifyToken({ verifier: plain }))
  .get('/x', forHono.requirePermission('x'), (context) => context.text(context.get('token')?.subject ?? ''))
interface Env { ORIGIN: string }
export default {
  fetch: withToken(
    (request: Request, access, env: Env) => {
      const sub: string | undefined = access.token?.claims.sub
      return fetch(access.upstream(env.ORIGIN), { headers: { from: sub ?? '' } })
    },
    { verifier: (_env: Env) => verifier },
  ),
}
interface Init { request: { headers: Headers } }
declare const NextResponse: { next(init: Init): Response; rewrite(url: URL, init: Init): Response }
export const proxy = createProxy({ verifier, NextResponse })
export const mine = async (keys: KeyRing) => createVerifier({
  issuer: 'i', audience: 'a', keys: (await createIssuer({ issuer: 'i', audience: 'a', keys })).keySet(),
})
createElement(TokenProvider, { verifier: plain, token: null }, createElement(Can, { permission: 'a', fallback: 'no' }))
export const name = () => { const state = useToken(); return state.status === 'valid' ? state.token.subject : state.error?.code }
// @ts-expect-error a verifier is what it is about
forExpress.verifyToken({})
`

/** What the compiler says, with the settings of a strict user. */
function compile(name, program, module, skipLibCheck = false, more = {}) {
  mkdirSync(project, { recursive: true })
  const file = join(project, name)
  writeFileSync(file, program)
  const options = {
    target: 'es2022',
    module: module === 'bundler' ? 'esnext' : module,
    moduleResolution: module,
    strict: true,
    noEmit: true,
    skipLibCheck,
    exactOptionalPropertyTypes: true,
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
    ...more,
  }
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: [file] }),
  )
  return spawnSync(process.execPath, [compiler, '-p', project, '--pretty', 'false'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
}

for (const [extension, module] of [
  ['mts', 'nodenext'],
  ['cts', 'nodenext'],
  ['ts', 'bundler'],
]) {
  test(`declarations: .${extension}, ${module}`, () => {
    const { status, stdout } = compile(`program.${extension}`, program, module)
    assert.equal(status, 0, stdout)
  })
}

test('declarations: a server, without the library `dom`', () => {
  const typeRoots = [
    join(dirname(createRequire(import.meta.url).resolve('@types/node/package.json')), '..'),
  ]
  const { status, stdout } = compile('server.mts', server, 'nodenext', false, {
    lib: ['es2022'],
    types: ['node'],
    typeRoots,
  })
  assert.equal(status, 0, stdout)
})

test('declarations: adapters, with the types of Express, Fastify, Hono and React', () => {
  const at = (path) => [fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url))]
  const { status, stdout } = compile('adapters.mts', adapters, 'nodenext', true, {
    types: ['node'],
    typeRoots: at('@types'),
    paths: {
      express: at('@types/express/index.d.ts'),
      fastify: at('fastify/fastify.d.ts'),
      hono: at('hono/dist/types/index.d.ts'),
      react: at('@types/react/index.d.ts'),
    },
  })
  assert.equal(status, 0, stdout)
})

test('the declarations have nothing in them that is not for users', () => {
  const dist = join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token/dist')
  for (const name of readdirSync(dist).filter((name) => /\.d\.[mc]ts$/.test(name))) {
    const text = readFileSync(join(dist, name), 'utf8')
    assert.doesNotMatch(
      text,
      /\b(bind|ModuleSource|runtimeOf|CoreVerifier)\b|interface Document\b|function document\b|: any\b/,
      name,
    )
  }
})

/** The smallest part of a configuration with the change in it, and its type. */
function part({ path: [top, index], config }) {
  const inner = config[top]
  if (index === undefined || inner === undefined) return ['Configuration', config]
  if (!Array.isArray(sample[top])) return [`NonNullable<Configuration['${top}']>`, inner]
  return inner[index] === undefined
    ? ['Configuration', config]
    : [`NonNullable<Configuration['${top}']>[number]`, inner[index]]
}

const kind = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)

test('the types take what the schema takes', () => {
  const all = [...mutations(schema, sample)]
  const lines = all.map((mutation, index) => {
    const [type, value] = part(mutation)
    return `export const c${index}: ${type} = ${JSON.stringify(value)}`
  })
  const { stdout } = compile(
    'mutations.mts',
    `${lines.join('\n')}\nimport type { Configuration } from 'datakit-token'\n`,
    'nodenext',
    true,
  )
  const refused = new Set(
    [...stdout.matchAll(/^\S*mutations\.mts\((\d+),/gm)].map(([, line]) => Number(line) - 1),
  )
  const counts = { both: 0, neither: 0, 'only the schema': 0, 'only the types': 0 }
  const faults = []
  for (const [index, { path, value, config }] of all.entries()) {
    const [known, typed] = [fits(config), !refused.has(index)]
    counts[known ? (typed ? 'both' : 'only the schema') : typed ? 'only the types' : 'neither']++
    if (known === typed) continue
    const before = path.reduce((node, name) => node?.[name], sample)
    // The schema leaves foreign keys alone, as RFC 7517 wants it; the types know no bounds and formats.
    const expected = known
      ? path.includes('keys') && /\/(inline|roots)\//.test(path.join('/'))
      : before !== undefined && (typeof value === 'number' || kind(before) === kind(value))
    if (!expected)
      faults.push(
        `/${path.join('/')}: ${JSON.stringify(value)}: ${known ? 'schema' : 'types'} only`,
      )
  }
  console.log(counts)
  assert.deepEqual(faults, [])
  assert.ok(counts.both > 500 && counts.neither > 2500)
})

/** What a caller may import. Another name in this list is another promise. */
const PUBLIC = [
  'Bundle',
  'Claims',
  'Configuration',
  'ConfigurationError',
  'ConfigurationWarning',
  'CreateOptions',
  'Decision',
  'DecisionEntry',
  'DenialResponse',
  'FaultEntry',
  'From',
  'IsRevoked',
  'Jwk',
  'JwkSet',
  'Keys',
  'Log',
  'LogEntry',
  'NodeRequest',
  'Operand',
  'Options',
  'PrivateJwk',
  'PrivateJwkSet',
  'Provider',
  'Reason',
  'Refusal',
  'RefusedDecision',
  'Remote',
  'RemoteTimes',
  'RequestLike',
  'RequestParts',
  'Requirement',
  'Revocation',
  'Rule',
  'RuleReference',
  'Runtime',
  'Secret',
  'ShortConfiguration',
  'SourceFault',
  'SourceState',
  'Store',
  'TokenError',
  'UnverifiedToken',
  'Upstream',
  'UserInformation',
  'VerifiedToken',
  'Verifier',
  'WasmBlockedError',
  'createVerifier',
  'decodeUnverified',
  'remoteBundle',
  'remoteKeySet',
]

/** The same for each entry point besides the main one. */
const PUBLIC_BY_ENTRY = {
  fetch: [
    'Access',
    'Guard',
    'GuardOptions',
    'Permission',
    'TokenHandler',
    'toResponse',
    'withToken',
  ],
  express: [
    'ExpressOptions',
    'Guard',
    'GuardOptions',
    'IncomingRequest',
    'Middleware',
    'OutgoingResponse',
    'Permission',
    'requirePermission',
    'verifyToken',
  ],
  fastify: [
    'FastifyLike',
    'FastifyReplyLike',
    'FastifyRequestLike',
    'Guard',
    'GuardOptions',
    'Permission',
    'RouteConfig',
    'datakitToken',
  ],
  hono: [
    'Access',
    'Guard',
    'GuardOptions',
    'HonoContext',
    'HonoMiddleware',
    'Permission',
    'TokenVariables',
    'requirePermission',
    'verifyToken',
  ],
  next: [
    'Access',
    'Guard',
    'GuardOptions',
    'NextOptions',
    'NextResponseLike',
    'Permission',
    'TokenHandler',
    'createProxy',
    'toResponse',
    'withToken',
  ],
  testing: ['TestRequest', 'Testing', 'createTesting'],
  react: ['Can', 'TokenProvider', 'TokenState', 'useToken'],
  issuer: [
    'ClaimValue',
    'IssuedToken',
    'Issuer',
    'IssuerError',
    'IssuerErrorCode',
    'IssuerOptions',
    'IssuerTime',
    'KeyRing',
    'PublicJwk',
    'Rotation',
    'SigningJwk',
    'StoredKey',
    'TokenRequest',
    'createIssuer',
    'createKeyRing',
  ],
}

/** What a promise is made of, without being one itself. */
const PARTS = ['CreateTesting', 'CreateVerifier']

test('what is declared is what is promised, and nothing of the inside', () => {
  const types = join(project, '../node_modules/datakit-token/dist/types')
  const files = readdirSync(types, { recursive: true }).filter((name) => name.endsWith('.d.mts'))
  const texts = new Map(files.map((name) => [name, readFileSync(join(types, name), 'utf8')]))
  const importable = [join('entry', 'inline.d.mts'), 'api.d.mts'].flatMap((name) =>
    exported(texts.get(name)),
  )
  assert.deepEqual(importable.sort(), PUBLIC)
  for (const [entry, names] of Object.entries(PUBLIC_BY_ENTRY)) {
    const declared = exported(texts.get(join('entry', `${entry}.d.mts`)))
    assert.deepEqual(declared.sort(), names, entry)
  }
  const promised = new Set([PUBLIC, ...Object.values(PUBLIC_BY_ENTRY), PARTS].flat())
  for (const [name, text] of texts) {
    // Also what no caller can import: it is shown, and somebody relies on it.
    const others = exported(text).filter((one) => !promised.has(one))
    assert.deepEqual(others, [], name)
    assert.doesNotMatch(text, /@internal|: any\b|<any\b/, name)
    const cjs = readFileSync(join(types, name.replace(/mts$/, 'cts')), 'utf8')
    assert.equal(cjs.replaceAll(".cjs'", ".mjs'"), text, name)
  }
})

/** The names that a declaration file exports, as the compiler writes them; `export *` has none of its own. */
function exported(text) {
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
  const listed = lists.flatMap(([, list]) => list.split(','))
  const names = listed.map((name) => name.replace(/\btype\b/, '').trim()).filter(Boolean)
  const declared = text.matchAll(/^export (?:declare )?(?:abstract )?(?!type \{)[a-z]+ (\w+)/gm)
  return [...names, ...[...declared].map(([, name]) => name)]
}
