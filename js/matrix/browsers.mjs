// Chromium and Firefox, from Debian's packages: a page, workers of all kinds, and Content-Security-Policies.
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import puppeteer from 'puppeteer-core'
import { chromiumOptions, unpacked } from '../test/support/unpacked.mjs'
import { project } from './cell.mjs'
import { bare, esm, EXPECTED } from './program.mjs'

const PAGES = {
  page: {},
  "page, CSP 'wasm-unsafe-eval'": {
    csp: "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
  },
  // Nothing else can be right there; and the error says what to change.
  'page, strict CSP': { csp: "default-src 'self'", refused: true },
  'module worker': { worker: 'module' },
  'classic worker': { worker: 'classic' },
  'service worker': { worker: 'service' },
}
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' }
const html = (script) =>
  `<!doctype html><html lang="en"><title>pending</title><script type="module" src="${script}"></script></html>`
const show = '(text) => { document.title = text }'
const failed = "(error) => error.name + ': ' + error.message"

/** All files of the site. */
async function site() {
  const source = esm.replace("'datakit-token'", "'./node_modules/datakit-token/dist/index.mjs'")
  const files = {
    'page.html': html('page.js'),
    // A creation that is refused has to show as well.
    'page.js': `import { createVerifier } from './node_modules/datakit-token/dist/index.mjs'
      const run = async () => {${bare} return verdict() }
      run().catch(${failed}).then(${show})\n`,
    'module.html': html('module.js'),
    'module.js': `const worker = new Worker('module_worker.js', { type: 'module' })
      worker.onmessage = ({ data }) => { document.title = data }
      worker.onerror = ({ message }) => { document.title = message }\n`,
    'module_worker.js': `${source}verdict().then(postMessage)\n`,
    'classic.html': html('classic.js'),
    'classic.js': `const worker = new Worker('classic_worker.js')
      worker.onmessage = ({ data }) => { document.title = data }
      worker.onerror = ({ message }) => { document.title = message }\n`,
    'service.html': html('service.js'),
    'service.js': `await navigator.serviceWorker.register('service_worker.js', { type: 'classic' })
      const { active } = await navigator.serviceWorker.ready
      navigator.serviceWorker.onmessage = ({ data }) => { document.title = data }
      active.postMessage('ask')\n`,
    'entry_classic.mjs': `${esm}verdict().then(postMessage)\n`,
    'entry_service.mjs': `${esm}addEventListener('activate', (event) => event.waitUntil(clients.claim()))
      addEventListener('message', async ({ source }) => source.postMessage(await verdict()))\n`,
  }
  const directory = project(files)
  for (const name of ['classic', 'service'])
    await build({
      entryPoints: [join(directory, `entry_${name}.mjs`)],
      outfile: join(directory, `${name}_worker.js`),
      bundle: true,
      minify: true,
      format: 'iife',
      target: 'es2022',
    })
  return directory
}

let address
/** The site on loopback, with the policy that the address asks for. */
async function open() {
  if (address) return address
  const directory = await site()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    const policy = searchParams.get('csp')
    if (policy) response.setHeader('content-security-policy', policy)
    const file = join(directory, pathname)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.setHeader('content-type', TYPES[extname(file)] ?? 'text/plain')
    response.end(readFileSync(file))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  address = `http://localhost:${server.address().port}`
  return address
}

async function addressOf({ csp, worker }) {
  const url = new URL(`${worker ?? 'page'}.html`, await open())
  if (csp) url.searchParams.set('csp', csp)
  return url.href
}

/** The title, once it is no longer `pending`. */
async function settled(title) {
  for (let waited = 0; waited < 30_000; waited += 50) {
    const text = await title()
    if (text && text !== 'pending') return text
    await sleep(50)
  }
  return 'nothing after 30 s'
}

const launchers = {
  Chromium: () => chromium.launch(chromiumOptions()),
  Firefox() {
    const { program, env } = unpacked('DATAKIT_TOKEN_FIREFOX')
    const executablePath = program('usr/lib/firefox-esr/firefox-esr')
    return puppeteer.launch({ browser: 'firefox', headless: true, executablePath, env })
  },
}

const opened = new Map()
/** One browser for all its cells. */
const browser = (name) => {
  if (!opened.has(name)) opened.set(name, launchers[name]())
  return opened.get(name)
}

/** What a page of a browser has in its title at last. */
async function titleOf(name, url) {
  const page = await (await browser(name)).newPage()
  await page.goto(url)
  const text = await settled(() => page.title())
  await page.close()
  return text
}

async function cell(name, page) {
  const said = await titleOf(name, await addressOf(page))
  if (page.refused !== true) return said
  return /^WasmBlockedError: .*'wasm-unsafe-eval' in script-src/.test(said) ? EXPECTED : said
}

/** Those that cannot be had here, which `cargo xtask` counts. */
const skipped = (process.env.DATAKIT_TOKEN_SKIP ?? '').split(',')
export const isHere = (name) => !skipped.includes({ Chromium: 'browser', Firefox: 'firefox' }[name])

export const browsers = Object.keys(launchers)
  .filter(isHere)
  .flatMap((name) =>
    Object.entries(PAGES).map(([page, settings]) => [
      `${name}, ${page}`,
      () => cell(name, settings),
    ]),
  )

/** A bundle in a page of Chromium, for the bundlers. */
export async function runInPage(script) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const isPage = pathname === '/'
    response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript')
    response.end(isPage ? html('bundle.js') : script)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await titleOf('Chromium', `http://localhost:${server.address().port}/`)
  } finally {
    server.close()
  }
}

/** Ends all that have been started. */
export async function closeBrowsers() {
  for (const launched of opened.values()) await (await launched.catch(() => undefined))?.close()
}
