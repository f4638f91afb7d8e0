// The JavaScript side of `cargo xtask bench`: all runtimes, growth, sizes, start-up. Writes the member `js` of the
// result file.
import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { sizes, starts } from '../test/support/sizes.mjs'
import { biscuit } from './biscuit.mjs'
import { fixture } from './fixture.mjs'
import { round } from './measure.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const project = process.env.DATAKIT_TOKEN_PACKAGE
const output = process.env.DATAKIT_TOKEN_BENCH
const modules = join(here, 'node_modules')
const scratch = mkdtempSync(join(tmpdir(), 'datakit-token-bench-'))
const skipped = []
const skip = (text) => {
  skipped.push(text)
  console.log(`SKIPPED: ${text}`)
}
const first = (error) =>
  ['ENOENT', 'ERR_MODULE_NOT_FOUND'].includes(error?.code)
    ? 'it is not installed'
    : String(error?.message ?? error)
        .trim()
        .split('\n')[0]

try {
  const made = await makeFixture()
  const place = join(scratch, 'fixture.json')
  writeFileSync(place, JSON.stringify(made))
  const contests = {}
  for (const [name, run] of Object.entries({ node, deno, bun, chromium })) {
    const found = await run(place, made)
    if (found === undefined) continue
    for (const text of found.skipped) skip(`${name}: ${text}`)
    contests[name] = { version: found.version, rows: found.rows }
    showContest(name, contests[name], made)
  }
  const growth = ownProcess(process.execPath, [join(here, 'growth.mjs')])
  showGrowth(growth)
  const weights = await sizes(project)
  const start = Object.fromEntries(
    Object.entries(starts(project, 15)).map(([phase, { median, minimum }]) => [
      phase,
      { median: round(median), minimum: round(minimum) },
    ]),
  )
  showSizes(weights, start)
  const all = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')) : {}
  all.js = { tokenBytes: made.tokens[0].length, contests, growth, sizes: weights, start, skipped }
  writeFileSync(output, `${JSON.stringify(all, null, 1)}\n`)
  console.log(skipped.length === 0 ? '\nnothing skipped' : `\nskipped: ${skipped.length}`)
  for (const text of skipped) console.log(`  ${text}`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** Tokens for all runtimes; also biscuits, if their library is there. */
async function makeFixture() {
  const from = join(modules, '@biscuit-auth/biscuit-wasm/module')
  try {
    return await fixture(
      await biscuit(
        await import(join(from, 'biscuit_bg.js')),
        new WebAssembly.Module(readFileSync(join(from, 'biscuit_bg.wasm'))),
      ),
    )
  } catch (error) {
    skip(`biscuit-wasm: no token of its own: ${first(error)}`)
    return fixture(undefined)
  }
}

function node(place) {
  return {
    version: process.version.slice(1),
    ...ownProcess(process.execPath, [join(here, 'host.mjs'), place]),
  }
}

function deno(place) {
  return fromNpm('deno', [
    'run',
    '--allow-all',
    '--no-remote',
    '--node-modules-dir=manual',
    join(here, 'host.mjs'),
    place,
  ])
}

function bun(place) {
  return fromNpm('bun', [join(here, 'host.mjs'), place])
}

/** A runtime that is an npm package. */
function fromNpm(name, words) {
  const program = join(modules, '.bin', name)
  const environment = {
    ...process.env,
    DENO_DIR: join(scratch, 'deno'),
    DENO_NO_UPDATE_CHECK: '1',
    DO_NOT_TRACK: '1',
  }
  const asked = spawnSync(program, ['--version'], { encoding: 'utf8', env: environment })
  if (asked.status !== 0) return skip(`${name}: ${first(asked.error ?? asked.stderr)}`)
  return {
    version: /\d+\.\d+\.\d+/.exec(asked.stdout)?.[0],
    ...ownProcess(program, words, environment),
  }
}

/** Runs a process that writes its result into the file that is its last argument. */
function ownProcess(program, words, env = process.env) {
  const result = join(scratch, 'result.json')
  rmSync(result, { force: true })
  // From here, so that packages are found; what the process prints are warnings about experimental features.
  const { status, error, stderr } = spawnSync(program, [...words, result], {
    cwd: here,
    env,
    encoding: 'utf8',
    timeout: 600_000,
  })
  if (status !== 0 || !existsSync(result))
    throw new Error(`${program} ended with ${error ?? status}\n${stderr}`)
  return JSON.parse(readFileSync(result, 'utf8'))
}

/** Debian's Chromium, in a page from a server on loopback. */
async function chromium(place) {
  const program = ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => process.env.PATH.split(delimiter).map((folder) => join(folder, name)))
    .find(runnable)
  if (program === undefined)
    return skip('chromium: it is not installed (Debian: `apt-get install chromium`)')
  let driver
  try {
    driver = (await import('playwright-core')).chromium
  } catch (error) {
    return skip(`chromium: ${first(error)}`)
  }
  const { outputFiles } = await build({
    entryPoints: [join(here, 'page.mjs')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'error',
    nodePaths: [join(project, 'node_modules')],
  })
  const documents = {
    '/': [
      'text/html',
      '<!doctype html><meta charset="utf-8"><title>bench</title><script type="module" src="page.js"></script>',
    ],
    '/page.js': ['text/javascript', outputFiles[0].contents],
    '/fixture.json': ['application/json', readFileSync(place)],
    '/biscuit.wasm': [
      'application/wasm',
      readFileSync(join(modules, '@biscuit-auth/biscuit-wasm/module/biscuit_bg.wasm')),
    ],
  }
  const server = createServer((request, response) => {
    const [kind, body] = documents[request.url] ?? []
    // An isolated page has a finer clock.
    const headers = {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    }
    response
      .writeHead(body === undefined ? 404 : 200, {
        ...headers,
        ...(kind && { 'content-type': kind }),
      })
      .end(body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  // Root may start it only without the sandbox; the page is ours.
  const browser = await driver
    .launch({ executablePath: program, chromiumSandbox: process.getuid?.() !== 0 })
    .catch((error) => first(error))
  try {
    if (typeof browser === 'string') return skip(`chromium: ${browser}`)
    const page = await browser.newPage()
    const faults = []
    page.on('pageerror', (error) => faults.push(error))
    await page.goto(`http://127.0.0.1:${server.address().port}/`)
    await page
      .waitForFunction(() => typeof globalThis.run === 'function', undefined, { timeout: 30_000 })
      .catch((error) => {
        throw faults[0] ?? error
      })
    return { version: browser.version(), ...(await page.evaluate(() => globalThis.run())) }
  } finally {
    if (typeof browser !== 'string') await browser.close()
    server.closeAllConnections()
    server.close()
  }
}

function runnable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function showContest(name, { version, rows }, { tokens }) {
  heading(
    `${name} ${version}: microseconds a token of ${tokens[0].length} bytes, and how many times that of the hot key`,
  )
  for (const count of [1, tokens.length]) {
    const some = rows.filter((row) => row.tokens === count)
    table(
      [
        count === 1 ? 'one token' : 'distinct tokens in turn',
        'checks',
        'median',
        'minimum',
        'CPU',
        'ratio',
        'of minima',
        'of CPU',
      ],
      some.map((row) => [
        row.name.replace(/, \d+ tokens$/, ''),
        row.checks,
        row.median,
        row.minimum,
        row.cpu ?? '-',
        row.ratio,
        row.ratioOfMinima,
        row.cpuRatio ?? '-',
      ]),
    )
  }
}

function showGrowth(rows) {
  heading('growth in Node: microseconds, and how many times that of the smallest')
  table(
    ['what', 'how much', 'median', 'minimum', 'ratio', 'of minima'],
    rows.map((row) => [
      row.family,
      row.size,
      row.median,
      row.minimum,
      row.ratio,
      row.ratioOfMinima,
    ]),
  )
}

function showSizes(weights, start) {
  heading('sizes, bytes')
  table(
    ['what', 'raw', 'gzip -9', 'brotli'],
    Object.entries(weights).map(([name, { raw, gzip, brotli }]) => [name, raw, gzip, brotli]),
  )
  heading('start in a fresh Node process, milliseconds, 15 processes')
  table(
    ['phase', 'median', 'minimum'],
    Object.entries(start).map(([name, { median, minimum }]) => [name, median, minimum]),
  )
}

function heading(text) {
  console.log(`\n${text}\n`)
}

/** A table as Markdown has it. */
function table(head, rows) {
  const cells = [
    head,
    head.map((_, column) => (typeof rows[0]?.[column] === 'number' ? '-:' : '-')),
    ...rows,
  ].map((row) => row.map(String))
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  for (const [index, row] of cells.entries()) {
    console.log(
      `| ${row.map((cell, column) => (index === 1 ? cell.padStart(widths[column], '-') : typeof rows[0]?.[column] === 'number' ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(' | ')} |`,
    )
  }
  console.log('')
}
