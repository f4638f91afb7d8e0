// The declarations, for compilers old and new, and what two linters of packages say.
import { join } from 'node:path'
import { publint } from 'publint'
import { node22, project, run, tool } from './cell.mjs'
import { EXPECTED } from './program.mjs'

const program = `
import { createVerifier, remoteKeySet, TokenError, type VerifiedToken } from 'datakit-token'
import { createIssuer } from 'datakit-token/issuer'
import { withToken } from 'datakit-token/fetch'
const verifier = createVerifier({ issuer: 'i', audience: 'a', keys: remoteKeySet('https://a.example/k') })
export const name = async (token: string) => {
  const result = await verifier.safeVerify(token)
  if (!result.ok) return result.error instanceof TokenError ? result.error.code : ''
  const verified: VerifiedToken = result.token
  return verified.subject ?? ''
}
export const handler = withToken((_request, { token }) => new Response(token?.subject), { verifier })
export { createIssuer }
`
const VERSIONS = { '5.0': 'typescript50', 5.9: 'typescript59', '7.0': 'typescript' }
const MODULES = { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' }

async function compile(compiler, resolution) {
  const options = {
    target: 'es2022',
    module: MODULES[resolution],
    moduleResolution: resolution,
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
  }
  const endings = resolution === 'bundler' ? ['ts'] : ['mts', 'cts']
  const files = Object.fromEntries(endings.map((ending) => [`main.${ending}`, program]))
  const cwd = project({
    ...files,
    'tsconfig.json': JSON.stringify({ compilerOptions: options, files: Object.keys(files) }),
  })
  const words = [join(tool(compiler), 'bin/tsc'), '-p', '.', '--pretty', 'false']
  await run(process.execPath, words, { cwd })
  return EXPECTED
}

const installed = () => join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token')

async function lintPackage() {
  const { messages } = await publint({ pkgDir: installed(), level: 'suggestion', strict: true })
  return messages.length === 0 ? EXPECTED : messages.map(({ code }) => code).join('\n')
}

/** Whether each entry point has types in each way of resolving; the oldest knows no entry points but the main one. */
async function areTheTypesWrong() {
  const program = join(tool('@arethetypeswrong/cli'), 'dist/index.js')
  const words = [program, process.env.DATAKIT_TOKEN_TARBALL, '--profile', 'node16', '--no-color']
  const files = ['core.wasm', 'sealed/core.wasm']
  await run(node22(), [...words, '--exclude-entrypoints', ...files], { cwd: installed() })
  return EXPECTED
}

export const types = [
  ...Object.entries(VERSIONS).flatMap(([version, compiler]) =>
    Object.keys(MODULES).map((resolution) => [
      `TypeScript ${version}, ${resolution}`,
      () => compile(compiler, resolution),
    ]),
  ),
  ['publint --strict', lintPackage],
  ['are the types wrong?', areTheTypesWrong],
]
