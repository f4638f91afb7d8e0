// Where modules are compiled beforehand: workerd by its two ways in, and the edge realm of Vercel's functions; Next.js.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { EdgeVM } from '@edge-runtime/vm'
import { build } from 'esbuild'
import { here, node22, project, run, serve, tool } from './cell.mjs'
import { esm } from './program.mjs'

// The one of the project: Wrangler brings another, for newer versions of Node.
const { Miniflare } = createRequire(join(here, '../package.json'))('miniflare')

const worker = `${esm}export default { fetch: async () => new Response(await verdict()) }\n`
const text = async (url) => (await fetch(url, { signal: AbortSignal.timeout(30_000) })).text()

async function miniflare() {
  const cwd = project({ 'main.mjs': worker })
  const { outputFiles } = await build({
    entryPoints: [join(cwd, 'main.mjs')],
    outdir: cwd,
    write: false,
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy' },
  })
  return ask(outputFiles.map(({ path, contents }) => [basename(path), contents]))
}

/** What a worker of these files answers; the program comes first. */
async function ask(files) {
  const modules = files
    .map(([path, contents]) => ({
      type: path.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
      path,
      contents,
    }))
    .sort((one, other) => other.type.localeCompare(one.type))
  const host = { host: '127.0.0.1', port: 0, cf: false }
  const flare = new Miniflare({ modules, compatibilityDate: '2026-04-01', ...host })
  try {
    return await text(await flare.ready)
  } finally {
    await flare.dispose()
  }
}

const wranglerFiles = {
  'main.mjs': worker,
  'wrangler.toml':
    'name = "cell"\nmain = "main.mjs"\ncompatibility_date = "2026-04-01"\nsend_metrics = false\n',
}
const wranglerEnv = {
  CI: '1',
  WRANGLER_SEND_METRICS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
}
const wrangler = () => join(tool('wrangler'), 'bin/wrangler.js')

/** What would be deployed, run in workerd. */
async function wranglerDeploy() {
  const cwd = project(wranglerFiles)
  const words = [wrangler(), 'deploy', '--dry-run', '--outdir', 'out']
  await run(node22(), words, { cwd, env: wranglerEnv })
  const files = readdirSync(join(cwd, 'out')).filter((name) => /\.(m?js|wasm)$/.test(name))
  return ask(files.map((path) => [path, readFileSync(join(cwd, 'out', path))]))
}

async function wranglerDev() {
  const cwd = project(wranglerFiles)
  const words = [wrangler(), 'dev', '--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0']
  const { url, stop } = await serve(node22(), words, { cwd, env: wranglerEnv })
  try {
    return await text(url)
  } finally {
    stop()
  }
}

/** A realm that may compile nothing, with a module of the realm outside: what Next.js does as well. */
async function edgeRealm() {
  const cwd = project({ 'main.mjs': `${esm}globalThis.verdict = verdict\n` })
  const module = new WebAssembly.Module(
    readFileSync(join(cwd, 'node_modules/datakit-token/dist/core.wasm')),
  )
  const { outputFiles } = await build({
    entryPoints: [join(cwd, 'main.mjs')],
    write: false,
    bundle: true,
    format: 'iife',
    conditions: ['edge-light'],
    plugins: [
      {
        name: 'module',
        setup(builder) {
          builder.onResolve({ filter: /core\.wasm\?module$/ }, ({ path }) => ({
            path,
            namespace: 'outside',
          }))
          builder.onLoad({ filter: /.*/, namespace: 'outside' }, () => ({
            contents: 'export default globalThis.handedOver',
          }))
        },
      },
    ],
  })
  const vm = new EdgeVM({
    codeGeneration: { strings: false, wasm: false },
    extend: (context) => Object.assign(context, { handedOver: module }),
  })
  vm.evaluate(outputFiles[0].text)
  return vm.evaluate('verdict()')
}

/** The same routes in another major version: built, started and asked. */
async function next(version) {
  const cwd = process.env[`DATAKIT_TOKEN_NEXT${version}`]
  for (const [path, text] of Object.entries({
    'verdict.js': `${esm}export { verdict }\n`,
    'app/layout.js':
      'export default ({ children }) => (<html lang="en"><body>{children}</body></html>)\n',
    'app/edge/route.js': route("export const runtime = 'edge'"),
    'app/node/route.js': route("export const dynamic = 'force-dynamic'"),
    'app/server/page.js': `import { verdict } from '../../verdict.js'
      export const dynamic = 'force-dynamic'
      export default async function Page() { return <p>{await verdict()}</p> }\n`,
    'middleware.js': `import { verdict } from './verdict.js'
      export async function middleware() { return new Response(await verdict()) }
      export const config = { matcher: '/middleware' }\n`,
    'next.config.mjs': readFileSync(join(here, '../../examples/next/next.config.mjs'), 'utf8'),
  })) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true })
    writeFileSync(join(cwd, path), text)
  }
  const program = join(cwd, 'node_modules/next/dist/bin/next')
  const env = { NEXT_TELEMETRY_DISABLED: '1' }
  await run(process.execPath, [program, 'build'], { cwd, env, seconds: 300 })
  const words = [program, 'start', '-p', '0', '-H', '127.0.0.1']
  const { url, stop } = await serve(process.execPath, words, { cwd, env })
  try {
    const answers = await Promise.all(
      ['edge', 'node', 'middleware', 'server'].map(async (path) =>
        (await text(`${url}/${path}`)).replace(/^[\s\S]*<p>(.*?)<\/p>[\s\S]*$/, '$1'),
      ),
    )
    const different = [...new Set(answers)]
    return different.length === 1 ? different[0] : answers.join(' | ')
  } finally {
    stop()
  }
}

const route = (kind) =>
  `import { verdict } from '../../verdict.js'\n${kind}\nexport const GET = async () => new Response(await verdict())\n`

export const edges = [
  ['workerd, by miniflare', miniflare],
  ['workerd, by wrangler deploy', wranglerDeploy],
  ['workerd, by wrangler dev', wranglerDev],
  ['edge realm without code generation, module of another realm', edgeRealm],
  ['Next.js 15: edge, Node, middleware, server component', () => next(15)],
  ['Next.js 16: edge, Node, middleware, server component', () => next(16)],
]
