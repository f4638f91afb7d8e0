// The page that looks at tokens: in a real browser, from a folder and from a server with a strict policy.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { vectors } from './support/check.mjs'
import { isSkipped, launch } from './support/chromium.mjs'
import { schema } from './support/schema.mjs'

const project = process.env.DATAKIT_TOKEN_PACKAGE
const require = createRequire(import.meta.url)
const fromPackage = createRequire(`${project}/`)
const { createTesting } = fromPackage('datakit-token/testing')
const { createVerifier } = fromPackage('datakit-token')
const directory = join(project, 'node_modules/datakit-token/inspector')
const reasons = schema.$defs.ResponsesConfig.properties.status.propertyNames.enum

const parts = mkdtempSync(join(project, 'inspector-'))
after(() => rmSync(parts, { recursive: true, force: true }))

/** A part of the page by itself. */
async function load(name) {
  const outfile = join(parts, `${name}.mjs`)
  await build({
    entryPoints: [fileURLToPath(new URL(`../src/inspector/${name}.ts`, import.meta.url))],
    bundle: true,
    format: 'esm',
    outfile,
  })
  return import(pathToFileURL(outfile).href)
}
const { CHECKS, CHECK_OF } = await load('checks')
const { inspect } = await load('inspection')
const { duration, moments, parseTime } = await load('moment')
const { pieces, visible } = await load('text')

const empty = {
  token: '',
  keys: '',
  configuration: '',
  method: 'GET',
  path: '',
  headers: '',
  time: '',
}
const NOW = Math.floor(Date.now() / 1000)
const look = (fields) => {
  const found = inspect({ ...empty, ...fields }, NOW, createVerifier)
  found.verifier?.free()
  return found
}
const verdicts = ({ checks }) =>
  Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]))
const failed = ({ checks }) => checks.find(({ verdict }) => verdict === 'failed')?.name

test('every reason belongs to one check', () => {
  assert.deepEqual(Object.keys(CHECK_OF).sort(), [...reasons].sort())
  const names = CHECKS.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const [reason, name] of Object.entries(CHECK_OF)) assert.ok(names.includes(name), reason)
})

test('the checks are in the order that is promised', () => {
  const page = readFileSync(new URL('../../docs/strictness.md', import.meta.url), 'utf8')
  const [, section] = page.split('## The order of checks\n')
  const [promise] = section.trim().split('. ')
  const steps = promise.replaceAll('\n', ' ').split(', ')
  assert.ok(steps.length > 30)
  assert.deepEqual(
    CHECKS.flatMap(({ steps }) => steps),
    steps,
  )
})

test('each vector fails at a check of its reason, and no check after it passes', () => {
  const seen = new Set()
  for (const { token, config, now, expect } of vectors) {
    if (token === undefined || expect.reason === 'ok') continue
    const found = look({ token, configuration: JSON.stringify(config), time: String(now) })
    if (found.problems.size > 0 || found.error === undefined) continue
    const name = failed(found)
    assert.ok(name, expect.reason)
    const { code } = found.error
    if (
      !['malformed', 'claim_missing', 'claim_invalid', 'keys_unavailable', 'expired'].includes(code)
    )
      assert.equal(name, CHECK_OF[code])
    const about = found.checks.filter(
      ({ name }) => CHECKS.find((one) => one.name === name).about === 'token',
    )
    const place = about.findIndex(({ verdict }) => verdict === 'failed')
    for (const [index, { verdict }] of about.entries())
      if (index !== place)
        assert.ok([index < place ? 'passed' : 'not reached', 'not asked'].includes(verdict))
    seen.add(`${code}: ${name}`)
  }
  // Reasons of more than one check.
  for (const one of [
    'malformed: form',
    'malformed: length',
    'malformed: claims',
    'claim_missing: issuer',
    'claim_missing: audience',
    'claim_missing: end',
    'claim_missing: lifetime',
    'claim_missing: required claims',
    'claim_invalid: claims',
    'claim_invalid: lifetime',
    'claim_invalid: required claims',
    'expired: end',
    'expired: lifetime',
  ])
    assert.ok(seen.has(one), `${one}, of ${[...seen].sort().join(', ')}`)
})

const testing = await createTesting()
const { issuer, audience, keys } = testing
const rules = [
  { match: { path: { prefix: '/notes' } }, require: { permission: 'note.write' } },
  { match: { path: { prefix: '/open' } }, allow: 'anyone' },
]
const roles = { editor: ['note.*'] }
const configuration = JSON.stringify({ issuer, audience, keys, roles, rules })
const good = await testing.issue({ subject: 'alice', roles: ['editor'], permissions: ['log.read'] })
const unending = await testing.issueRefused('claim_missing')

test('what is not asked is not said to have passed', () => {
  const all = verdicts(look({ token: good, configuration }))
  assert.equal(all.signature, 'passed')
  assert.equal(all.issuer, 'passed')
  for (const name of ['transport', 'rule', 'subject', 'revocation', 'age of the keys'])
    assert.equal(all[name], 'not asked', name)
  const alone = look({ token: good, keys: JSON.stringify(keys) })
  assert.equal(verdicts(alone).signature, 'passed')
  assert.equal(verdicts(alone).issuer, 'not asked')
  assert.equal(verdicts(alone).audience, 'not asked')
  assert.match(alone.notes.join(), /issuer and audience are those that the token itself claims/)
  // Only decoded.
  assert.ok(look({ token: good }).checks.every(({ verdict }) => verdict === 'not asked'))
})

test('a request is decided, with the token where it belongs', () => {
  const ask = (fields) => look({ token: good, configuration, ...fields })
  assert.equal(ask({ path: '/notes/1' }).decision.verdict, 'allow')
  assert.equal(verdicts(ask({ path: '/notes/1' })).permission, 'passed')
  assert.equal(failed(ask({ path: '/elsewhere' })), 'rule')
  assert.equal(failed(ask({ path: '/a//b' })), 'request')
  assert.equal(verdicts(ask({ path: '/a//b' })).rule, 'not reached')
  assert.equal(
    ask({ path: '/notes', headers: 'authorization: Bearer {token}' }).decision.verdict,
    'allow',
  )
  // A token of its own, which is a bad one.
  const other = ask({ path: '/notes', headers: 'authorization: Bearer x' })
  assert.equal(other.decision.reason, 'malformed')
  assert.equal(verdicts(other).request, 'passed')
  assert.equal(verdicts(other).rule, 'not reached')
  assert.match(other.notes.join(), /is not the token above/)
  // One that lacks a claim, beside a good one that is looked at.
  const poor = ask({ path: '/notes', headers: `authorization: Bearer ${unending}` })
  assert.equal(poor.decision.reason, 'claim_missing')
  assert.equal(verdicts(poor).rule, 'not reached')
  assert.equal(failed(poor), undefined)
  // A good one, and a header that cannot have what is in it.
  const claims_to_headers = [{ claim: '/roles', header: 'x-roles', format: 'text' }]
  const needy = JSON.stringify({ ...JSON.parse(configuration), claims_to_headers })
  const unfit = ask({ configuration: needy, path: '/notes/1' })
  assert.equal(unfit.decision.reason, 'claim_invalid')
  assert.equal(failed(unfit), 'permission')
  assert.equal(verdicts(unfit).rule, 'passed')
  assert.equal(
    ask({ path: '/notes', headers: 'no header' }).problems.get('headers').slice(0, 6),
    'line 1',
  )
  assert.ok(ask({ headers: 'a: b' }).problems.has('path'))
})

test('keys on a server are those that are pasted, or none', () => {
  const remote = JSON.stringify({
    issuer,
    audience,
    keys: { remote: { url: 'https://id.test/keys' } },
  })
  const without = look({ token: good, configuration: remote })
  assert.equal(without.error.code, 'keys_unavailable')
  assert.equal(failed(without), 'key')
  assert.match(without.notes.join(), /fetches nothing/)
  const given = look({ token: good, configuration: remote, keys: JSON.stringify(keys) })
  assert.equal(verdicts(given).signature, 'passed')
  const document = JSON.stringify({
    version: 1,
    providers: [
      {
        name: 'a',
        issuer,
        audiences: [audience],
        keys: { remote: { url: 'https://id.test/keys' } },
      },
    ],
  })
  assert.equal(
    verdicts(look({ token: good, configuration: document, keys: JSON.stringify(keys) })).issuer,
    'passed',
  )
})

test('texts and times', () => {
  assert.equal(
    visible('a\u202eb\u0000\u2028\ufeff\u{e0001}é'),
    'a\\u202eb\\u0000\\u2028\\ufeff\\udb40\\udc01é',
  )
  const text = [...pieces({ a: ['\u200f"', 1n, null, {}], b: [] })]
    .map((piece) => piece.text)
    .join('')
  assert.equal(
    text,
    '{\n  "a": [\n    "\\u200f\\"",\n    1,\n    null,\n    {}\n  ],\n  "b": []\n}',
  )
  assert.deepEqual([0, 59, 3600, 90_061].map(duration), ['0 s', '59 s', '1 h', '1 d 1 h'])
  assert.equal(parseTime('2026-05-04T10:00Z'), 1_777_888_800)
  assert.equal(parseTime('2026-05-04 12:00:00+02:00'), 1_777_888_800)
  assert.equal(parseTime('1777888800'), 1_777_888_800)
  for (const wrong of ['0', 'tomorrow', '2026-13-40T10:00Z', '1777888800000', 'Mon, 4 May'])
    assert.equal(parseTime(wrong), undefined, wrong)
  const [judged, exp, iat] = moments({ exp: 1_777_888_800, iat: 'x' }, 1_777_888_860)
  assert.equal(judged.utc, '2026-05-04 10:01:00 UTC')
  assert.equal(exp.relation, 'expired since 1 min')
  assert.match(iat.relation, /not a time/)
})

/** The policy of a careful server; the page has the same in itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript' }

test('the page has the policy in itself', () => {
  const page = readFileSync(join(directory, 'index.html'), 'utf8')
  const [, own] = /content="(default-src[^"]+)"/.exec(page)
  assert.equal(own.replaceAll(/\s+/g, ' '), POLICY)
})

async function serve(policy = POLICY) {
  const server = createServer((request, response) => {
    const file = request.url === '/' ? '/index.html' : request.url
    try {
      const content = readFileSync(join(directory, file))
      response.writeHead(200, {
        'content-type': TYPES[extname(file)],
        'content-security-policy': policy,
      })
      response.end(content)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${server.address().port}/`
}

/** Opens the page, and keeps what it asks for and complains of. */
async function open(browser, url, options) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const [requests, faults] = [[], []]
  page.on('request', (request) => requests.push(request.url()))
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (line) => faults.push(line.text()))
  await page.goto(url)
  const base = new URL('.', url).href
  return {
    page,
    fill: async (fields) => {
      await page.click('#clear')
      for (const [name, text] of Object.entries(fields)) await page.fill(`#${name}`, text)
      await page.click('#again')
    },
    status: () => page.textContent('#status'),
    verdict: (title) =>
      page
        .locator('#checks-rows tr', {
          hasText: new RegExp(`^${title.replaceAll(/[()]/g, '\\$&')}`),
        })
        .locator('.verdict')
        .textContent(),
    close: async () => {
      assert.deepEqual(
        requests.map((one) => one.slice(base.length)).sort(),
        [url.slice(base.length), 'inspector.css', 'inspector.js'].sort(),
      )
      assert.deepEqual(faults, [])
      assert.equal(page.url(), url)
      assert.deepEqual(await context.cookies(), [])
      const kept = () => [localStorage.length, sessionStorage.length, history.length]
      assert.deepEqual(await page.evaluate(kept), [0, 0, 2])
      await context.close()
    },
  }
}

const hostile = {
  subject: '<img src=x onerror=alert(1)>',
  claims: {
    nick: 'admin\u202e\u2066gnp.exe',
    'na\u200fme</pre><script>alert(1)</script>': 'שלום',
    __proto__2: { deep: ['\u0085\u2028'] },
  },
}

test('the page, from a folder and from a server', { timeout: 180_000 }, async () => {
  if (isSkipped) return
  const browser = await launch()
  const file = pathToFileURL(join(directory, 'index.html')).href
  const token = await testing.issue(hostile)
  const reader = await testing.issue({ permissions: ['note.read'] })
  const { issueRefused } = testing
  for (const url of [file, await serve()]) {
    const tab = await open(browser, url, { timezoneId: 'Asia/Kolkata' })
    const { page, fill, status, verdict } = tab
    assert.equal(await status(), 'Paste a token.')

    await fill({ token: good })
    assert.equal(await status(), 'Not verified: paste a key set or a configuration.')
    assert.equal(await page.textContent('#claims-label'), 'not verified')
    assert.match(await page.textContent('#claims-text'), /"sub": "alice"/)
    assert.match(await page.textContent('#header-text'), /"typ": "at\+jwt"/)
    assert.equal(await page.isVisible('#checks'), false)
    assert.equal(await page.isVisible('#grants'), false)

    await fill({ token: ` Bearer ${good}\n`, configuration })
    assert.equal(await status(), 'Verified: the token is accepted.')
    assert.equal(await page.textContent('#claims-label'), 'verified')
    assert.equal(await page.textContent('#header-label'), 'verified')
    assert.equal(await page.textContent('#roles'), 'editor')
    assert.match(await page.textContent('#times-rows'), /End \(exp\).*UTC.*(59 min|1 h).* left/)
    assert.match(await page.textContent('#times-rows'), /UTC\+05:30/)
    assert.equal(await verdict('Signature'), 'passed')
    await page.fill('#permission', 'note.write')
    assert.equal(await page.textContent('#permission-answer'), 'Yes, it grants note.write.')
    await page.fill('#permission', 'note')
    assert.equal(await page.textContent('#permission-answer'), 'No, it does not grant note.')

    for (const [reason, title] of [
      ['expired', 'End (exp)'],
      ['bad_signature', 'Signature'],
      ['audience_mismatch', 'Audience (aud)'],
    ]) {
      await fill({ token: await issueRefused(reason), configuration })
      assert.match(await status(), new RegExp(`^Refused, ${reason}: `))
      assert.equal(await page.textContent('#claims-label'), 'not verified')
      const row = page.locator('#checks-rows tr', { has: page.locator('[data-verdict=failed]') })
      assert.equal(await row.count(), 1)
      assert.ok((await row.textContent()).startsWith(title), reason)
      assert.match(await row.textContent(), new RegExp(`${reason}: `))
      assert.equal(await page.isVisible('#grants'), false)
    }

    await fill({ token: good, keys: JSON.stringify(keys) })
    assert.match(
      await status(),
      /The signature holds, by the key set alone; issuer and audience are not checked/,
    )
    assert.equal(await page.textContent('#claims-label'), 'signature verified')
    assert.equal(await verdict('Audience (aud)'), 'not asked')

    await fill({ token: reader, configuration, method: 'POST', path: '/notes/1' })
    assert.match(await status(), /^Verified: .* The request is denied: permission_denied\.$/)
    assert.match(await page.textContent('#decision'), /Status 403.*www-authenticate/)
    assert.match(await page.textContent('#decision-facts'), /Rule\/rules\/0/)
    assert.equal(await verdict('Permission:'), 'failed')
    assert.equal(await verdict('Rule:'), 'passed')
    await fill({ token: good, configuration, path: '/notes/1', headers: 'x-trace: 1' })
    assert.match(await page.textContent('#decision'), /What goes on.*\/notes\/1.*x-trace/)

    await fill({
      token: good,
      configuration: configuration.replace('"allow":"anyone"', '"allow":"some"'),
    })
    assert.match(await page.textContent('#configuration-problem'), /^\/rules\/1\/allow: /)
    assert.equal(await page.getAttribute('#configuration', 'aria-invalid'), 'true')
    assert.match(await status(), /see what is said at the field configuration/)
    await fill({ token: good, keys: '{"keys":[{"kty":"OKP","d":"x"}]}' })
    assert.match(await page.textContent('#keys-problem'), /^\/keys\/keys\/0/)
    await fill({ token: good, keys: '{', time: 'soon' })
    assert.match(await page.textContent('#keys-problem'), /^expected JSON/)
    assert.match(await page.textContent('#time-problem'), /^expected seconds/)
    assert.equal(await page.isVisible('#times'), false)
    assert.equal(await page.isVisible('#notes'), false)
    const keysOnServer = { remote: { url: 'http://127.0.0.1:1/jwks.json' } }
    const remote = JSON.stringify({ issuer, audience, keys: keysOnServer })
    await fill({ token: good, configuration: remote })
    assert.match(await status(), /^Refused, keys_unavailable: /)
    await fill({ token: good, configuration: remote, keys: JSON.stringify(keys) })
    assert.equal(await status(), 'Verified: the token is accepted.')
    await fill({ token: 'no token' })
    assert.equal(await status(), 'This does not have the form of a signed token.')

    await fill({ token, configuration })
    const shown = await page.textContent('#claims-text')
    assert.match(shown, /<img src=x onerror=alert\(1\)>/)
    assert.match(shown, /admin\\u202e\\u2066gnp\.exe/)
    assert.match(shown, /na\\u200fme<\/pre><script>/)
    assert.match(shown, /\\u0085\\u2028/)
    assert.doesNotMatch(await page.textContent('main'), /[\u200f\u202e\u2066\u0085\u2028]/)
    assert.equal(await page.locator('img, main script').count(), 0)
    await tab.close()
  }
})

test('the page says what is wrong with a policy that allows no WebAssembly', {
  timeout: 60_000,
}, async () => {
  if (isSkipped) return
  const url = await serve(POLICY.replace(" 'wasm-unsafe-eval'", ''))
  const page = await (await launch()).newPage()
  await page.goto(url)
  await page.fill('#token', good)
  await page.fill('#configuration', configuration)
  await page.click('#again')
  assert.match(await page.textContent('#status'), /needs 'wasm-unsafe-eval' in script-src/)
})

test('the page, narrow and by keyboard alone', { timeout: 120_000 }, async () => {
  if (isSkipped) return
  const url = await serve()
  const tab = await open(await launch(), url, { viewport: { width: 360, height: 740 } })
  const { page } = tab
  const width = () => page.evaluate(() => document.documentElement.scrollWidth)
  assert.ok((await width()) <= 360)
  await tab.fill({
    token: await testing.issue({ ...hostile, roles: ['r'.repeat(300)] }),
    configuration: JSON.stringify({
      ...JSON.parse(configuration),
      claims_to_headers: [{ claim: '/sub', header: 'x-subject' }],
    }),
    path: `/open/${'a'.repeat(400)}`,
    headers: `x-${'b'.repeat(200)}: ${'c'.repeat(400)}`,
  })
  assert.equal(await tab.status(), 'Verified: the token is accepted. The request is allowed.')
  assert.ok((await width()) <= 360)

  await page.click('#clear')
  const visited = []
  for (let step = 0; step < 9; step++) {
    visited.push(await page.evaluate(() => document.activeElement.id))
    await page.keyboard.press('Tab')
  }
  const order = [
    'token',
    'keys',
    'configuration',
    'method',
    'path',
    'headers',
    'time',
    'again',
    'clear',
  ]
  assert.deepEqual(visited, order)
  const focus = (name) => page.evaluate((id) => document.activeElement.id === id, name)
  const back = async (name) => {
    while (!(await focus(name))) await page.keyboard.press('Shift+Tab')
  }
  await back('configuration')
  await page.keyboard.insertText(configuration)
  await back('token')
  await page.keyboard.insertText(good)
  // Without any button.
  await page.waitForFunction(() =>
    document.querySelector('#status').textContent.startsWith('Verified'),
  )
  while (!(await focus('permission'))) await page.keyboard.press('Tab')
  await page.keyboard.type('log.read')
  assert.equal(await page.textContent('#permission-answer'), 'Yes, it grants log.read.')
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
  assert.equal(outline, 'solid')
  await tab.close()
})

test('the page for readers of the screen, light and dark', { timeout: 120_000 }, async () => {
  if (isSkipped) return
  const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
  const tab = await open(await launch(), await serve())
  const { page } = tab
  await page.evaluate(axe)
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    for (const fields of [
      {},
      { token: good },
      { token: good, configuration, path: '/notes' },
      { token: await testing.issueRefused('expired'), configuration, path: '/notes' },
      { token: good, keys: '{' },
    ]) {
      await tab.fill(fields)
      // Its own look at style sheets would be a request.
      const { violations, passes } = await page.evaluate(() => window.axe.run({ preload: false }))
      assert.ok(passes.some(({ id }) => id === 'color-contrast'))
      const said = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
      assert.deepEqual(said, [], colorScheme)
    }
  }
  await tab.close()
})
