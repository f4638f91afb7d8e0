// The URL of a request against `new URL`, which applications route by: what passes is what both read alike.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { issue, issuer, key } from './support/issuer.mjs'

const { createVerifier } = createRequire(`${process.env.DATAKIT_TOKEN_PACKAGE}/`)('datakit-token')
const k1 = key('k1')
const verifierOf = (rules) => createVerifier({ issuer, audience: 'api', keys: [k1.jwk], rules })
const open = verifierOf([{ match: {}, allow: 'anyone' }])
const paths = [
  { match: { path: { prefix: '/admin' } }, allow: 'authenticated' },
  { match: { path: { prefix: '/public' } }, allow: 'anyone' },
]
const byPath = verifierOf([...paths, { match: { path: { exact: '/' } }, allow: 'anyone' }])
const byHost = verifierOf([
  { match: { hosts: ['admin.example'] }, allow: 'authenticated' },
  ...paths,
  { match: { hosts: ['open.example'] }, allow: 'anyone' },
])
// A relative one is the target of a request as Node has it: by itself it is a mistake of the caller.
const decide = (verifier, url, headers = {}) =>
  verifier.decideSync(
    url.startsWith('/')
      ? { method: 'GET', url, rawHeaders: Object.entries(headers).flat() }
      : { method: 'GET', url, headers },
  )

let state = 88172645463325252n
function below(bound) {
  state ^= (state << 13n) & 0xffffffffffffffffn
  state ^= state >> 7n
  state ^= (state << 17n) & 0xffffffffffffffffn
  return Number((state >> 33n) % BigInt(bound))
}
const pick = (list) => list[below(list.length)]

const schemes = [
  'http://',
  'https://',
  'HTTP://',
  'hTTps://',
  'http:/',
  'http:',
  'http:\\\\',
  'http:/\\',
  'http:///',
  'https:////',
  '//',
  '/\\',
  '\\\\',
  '',
  'ws://',
  'ftp://',
  'file://',
  'app://',
  'javascript://',
  'ht\ntp://',
  ' http://',
  '\u0000http://',
  'http\t://',
  'http:/\t/',
  'httpſ://',
  '\ufeffhttp://',
]
const users = ['x@', '@', ':@', 'x:y@', 'open.example@', 'admin.example\\@', 'x%40', '/@', 'a@b@']
const hosts = [
  'open.example',
  'admin.example',
  'h',
  'OPEN.example',
  'open.example.',
  'admin.example..',
  'xn--bcher-kva.example',
  'xn--',
  'bücher.example',
  'ａdmin.example',
  'admin。example',
  'adm\u00adin.example',
  'K.example',
  'admin%2eexample',
  'admin%2Eexample',
  '%61dmin.example',
  'admin_x',
  '-a-',
  '127.0.0.1',
  '127.1',
  '0x7f.1',
  '2130706433',
  '017700000001',
  '1.2.3.256',
  '1.2.3.4.5',
  '256',
  '0x',
  'a.0x7f',
  '[::1]',
  '[0:0::1]',
  '[::FFFF:1.2.3.4]',
  '[::1',
  '::1]',
  '[::1%25eth0]',
  '[v1.x]',
  '',
  '.',
  '..',
  'a b',
  'a<b',
  'a|b',
  'a^b',
  'a%',
  'a\u007fb',
  "a!b$c'",
  'a*b',
  '*.example',
  'a,b',
  'a;b',
  'a"b',
  'a`b',
  'a{b}',
]
const ports = [
  ':80',
  ':443',
  ':8080',
  ':',
  ':0',
  ':00080',
  ':0443',
  ':65535',
  ':65536',
  ':8x',
  ':+80',
  ':-1',
  ':80:80',
  ': 80',
  ':\t80',
  ':٨٠',
]
const ends = [
  '/',
  '?',
  '#',
  '\\',
  '/\\',
  '\\/',
  '/.',
  '/..',
  '//',
  '',
  '?/',
  '#/',
  '\\?',
  '\t/',
  '\n',
  ' ',
  '%2f',
  '%5c',
  ';',
  '\u0000',
  '@',
  ':',
  '/\u2028',
]
const segments = [
  'admin',
  'public',
  'public/../admin',
  'public/%2e%2e/admin',
  'public/.%2E/admin',
  'public\\..\\admin',
  'public/.\t./admin',
  'public/..;/admin',
  'public//admin',
  'adm\nin',
  'ADMIN',
  '%61dmin',
  'admin%00',
  'public%2f..%2fadmin',
  'public/a{b}"c<d>|e^f`g',
  "public/!$&'()*+,=:@~",
  'public/é',
  'public/%C3%a9',
  'public?x=/../admin',
  'public?x#/admin',
  'public#/../admin',
  'public?\\..\\admin',
  'public?a=1&b=%2F&&',
  'public ',
  'public\t',
  '',
  '.',
  'admin/',
  'public/',
]
const extras = [
  '\\',
  '@',
  '#',
  '?',
  '/',
  ':',
  '\t',
  '\n',
  '\r',
  ' ',
  '\u0000',
  '\u001f',
  '\u007f',
  '%',
  '[',
  ']',
  '\u00a0',
  '\ud800',
  '%09',
  '%5c',
  '..',
  '.',
]

/** One that everybody reads alike every other time. */
const host = () => (below(2) ? pick(hosts) : pick(hosts.slice(0, 5)))

/** A spelling that may be anything. */
function spelling() {
  let url =
    pick(below(2) ? ['http://', 'https://'] : schemes) +
    (below(8) ? '' : pick(users)) +
    host() +
    (below(3) ? '' : pick(ports)) +
    (below(2) ? '/' : pick(ends)) +
    pick(segments)
  while (below(4) === 0) {
    const place = below(url.length + 1)
    url = url.slice(0, place) + pick(extras) + url.slice(place + below(2))
  }
  return url
}

/** What a server makes that trusts the header `Host`. */
function fromHost() {
  const authority =
    host() +
    (below(3) ? '' : pick(ports)) +
    (below(2) ? '' : pick(ends) + pick(segments)) +
    (below(2) ? '' : pick(ends))
  return `http://${below(6) ? '' : pick(users)}${authority}/${pick(segments)}`
}

function readByPlatform(url) {
  try {
    return new URL(url, 'http://base.example')
  } catch {
    return undefined
  }
}

/** A pathname as rules spell it: no escape that is needless, and each in upper case. */
const canonical = (pathname) =>
  pathname.replaceAll(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : escaped.toUpperCase()
  })

test('of 40,000 spellings of a URL none passes that `new URL` reads as another host or path', () => {
  const counts = {
    refused: 0,
    passed: 0,
    'a host that no rule can name': 0,
    'through the rules': 0,
  }
  const seen = new Set()
  for (let number = 0; number < 40_000; number++) {
    const url = number % 3 ? spelling() : fromHost()
    seen.add(url)
    const decision = decide(open, url)
    if (decision.verdict !== 'allow') {
      assert.deepEqual(
        [decision.reason, decision.status],
        ['invalid_request', 400],
        JSON.stringify(url),
      )
      counts.refused++
      continue
    }
    counts.passed++
    const relative = url.startsWith('/')
    const read = readByPlatform(url)
    assert.ok(
      read && (!relative || read.host === 'base.example'),
      `nobody else reads ${JSON.stringify(url)}`,
    )
    // The rules have read this very path and this very host: a rule for no others matches.
    const path = { exact: canonical(read.pathname) }
    const exact = (match) => decide(verifierOf([{ match, allow: 'anyone' }]), url).verdict
    assert.equal(exact({ path }), 'allow', `${JSON.stringify(url)} is ${read.pathname}`)
    if (decide(byPath, url).verdict === 'allow')
      assert.match(read.pathname, /^\/(public(\/.*)?)?$/, JSON.stringify(url))
    const judged = decide(byHost, url)
    if (judged.reason === 'invalid_request') {
      // Rules about hosts take no odd ones.
      assert.ok(
        relative || !/^([a-z0-9_-]+\.?)+(:\d+)?$|^\[::1\]/.test(read.host),
        JSON.stringify(url),
      )
      counts['a host that no rule can name']++
      continue
    }
    assert.equal(
      exact({ path, hosts: [read.host] }),
      'allow',
      `${JSON.stringify(url)} is for ${read.host}`,
    )
    if (judged.verdict !== 'allow') continue
    counts['through the rules']++
    assert.ok(
      read.hostname.replace(/\.$/, '') !== 'admin.example' && !/^\/admin(\/|$)/.test(read.pathname),
      JSON.stringify(url),
    )
  }
  console.log({ different: seen.size, ...counts })
  assert.ok(seen.size > 30_000 && counts.passed > 3000 && counts['through the rules'] > 1200)
})

test('honest URLs pass as they are spelled', () => {
  let honest = 0
  const hosts = [
    'gateway.example',
    'GateWay.Example',
    'localhost',
    'a-b.c_d.example',
    'xn--bcher-kva.example',
    'gateway.example.',
    '127.0.0.1',
    '[::1]',
    '[2001:db8::7]',
  ]
  const ports = ['', ':80', ':443', ':1', ':8080', ':65535']
  const targets = [
    '/',
    '/a',
    '/a/',
    '/a/b.c',
    '/a?x=%2F&&',
    '/a?',
    '/?x=/../y',
    '/a%20b/%C3%A9',
    '/a%2Db',
    "/a!$&'()*+,=:@~b",
    '/a?q=a b',
    '/a?q=%00\\@',
    '/a|b{c}',
    '?x=1',
    '',
  ]
  for (const scheme of ['http', 'https', 'HTTP', 'Https']) {
    for (const host of hosts) {
      for (const port of ports) {
        for (const target of targets) {
          for (const fragment of ['', '#', '#/b?c']) {
            const url = `${scheme}://${host}${port}${target}${fragment}`
            const decision = decide(open, url)
            assert.equal(decision.verdict, 'allow', url)
            // Only what rules read in one spelling has it further on.
            assert.equal(
              decision.upstream.path,
              (target.startsWith('/') ? target : `/${target}`).replace('%2D', '-'),
              url,
            )
            honest++
          }
        }
      }
    }
  }
  for (const target of ['/', '/a', '/a?x=%2F&&', '/a%20b']) {
    const url = `https://gateway.example${target}`
    for (const request of [
      new Request(url),
      new Request(`${url}#x`),
      { method: 'GET', url: new URL(url), headers: {} },
      { method: 'GET', url: target, rawHeaders: ['host', 'gateway.example'] },
    ]) {
      const decision = open.decideSync(request)
      assert.deepEqual([decision.verdict, decision.upstream?.path], ['allow', target])
      honest++
    }
  }
  console.log(`${honest} honest URLs`)
  assert.ok(honest > 8000)
})

test('characters that `new URL` removes bring no second parameter past the rules', () => {
  const verifier = verifierOf([
    { match: {}, require: { claim: '/tenant', equals: { query_param: 'tenant' } } },
  ])
  const headers = { authorization: `Bearer ${issue(k1, { tenant: 'own' })}` }
  const base = 'http://h/q?tenant=own'
  for (const [query, verdict] of [
    ['', 'allow'],
    ['&other=victim', 'allow'],
    ['&tenant=victim', 'deny'],
    ['&ten\tant=victim', 'deny'],
    ['&ten\nant=victim', 'deny'],
    ['&tenant\r=victim', 'deny'],
    ['\t', 'deny'],
    [' ', 'deny'],
    ['\u0000', 'deny'],
    ['&\u001ftenant=victim', 'deny'],
  ]) {
    for (const url of [base + query, `/q?tenant=own${query}`]) {
      assert.equal(decide(verifier, url, headers).verdict, verdict, JSON.stringify(url))
      if (verdict === 'allow')
        assert.deepEqual(new URL(url, base).searchParams.getAll('tenant'), ['own'])
    }
  }
  // Nor do they make a value longer.
  const spaced = { authorization: `Bearer ${issue(k1, { tenant: 'own ' })}` }
  for (const url of [`${base} `, `${base}\u0000`, ` ${base}`])
    assert.equal(decide(verifier, url, spaced).reason, 'invalid_request', JSON.stringify(url))
})

test('an odd URL is denied nothing where the configuration says to watch only', () => {
  const watching = createVerifier({
    issuer,
    audience: 'api',
    keys: [k1.jwk],
    rules: [{ match: {}, allow: 'unchecked' }],
    mode: 'observe',
    transport: { require_https: 'tls' },
  })
  for (const url of [
    'https://h\\admin?',
    'https://x@h/',
    'https://h/a?\t',
    'https://0x7f.1/',
    'https://h:99999/',
  ]) {
    const decision = decide(watching, url)
    assert.deepEqual([decision.verdict, decision.reason], ['observe', 'invalid_request'], url)
  }
  assert.equal(decide(watching, 'https://h/a').verdict, 'allow')
})

test('what is no URL is refused without an exception', () => {
  const hostile = { toString: null, valueOf: null }
  for (const url of [
    'nonsense',
    '',
    '*',
    'h:443',
    '/\\h/admin',
    '//h/admin',
    1,
    true,
    Symbol('x'),
    [],
    {},
    hostile,
    { href: 'http://h/a' },
    () => 'x',
  ]) {
    for (const path of [undefined, '/a']) {
      if (!path && typeof url === 'string' && url.startsWith('/')) {
        assert.throws(() => open.decideSync({ method: 'GET', url, headers: {} }), {
          name: 'TypeError',
          message: /originalUrl/,
        })
        continue
      }
      // A path says what is asked for, but nobody can say of whom.
      const refused = open.decideSync({ method: 'GET', url, headers: {}, ...(path && { path }) })
      assert.ok(
        refused.reason === 'invalid_request' || (path && String(url).startsWith('/')),
        String(typeof url),
      )
    }
  }
  for (const request of [
    { method: 'GET', path: hostile, headers: {} },
    { method: hostile, path: '/a', headers: {} },
    { method: 'GET', path: '/a', headers: { x: hostile } },
    { method: 'GET', path: '/a', headers: [1] },
    { method: 'GET', path: '/a', headers: {}, connection: { client_address: 1n } },
  ]) {
    assert.equal(open.decideSync(request).reason, 'invalid_request')
  }
  // No URL is not a wrong one.
  for (const url of [undefined, null])
    assert.equal(open.decideSync({ method: 'GET', url, path: '/a', headers: {} }).verdict, 'allow')
})

/** A server that makes the URL out of the header `Host`, and finds its page by what `page` says. */
async function serveBy(page) {
  const server = createServer((request, response) => {
    const url = `http://${request.headers.host}${request.url}`
    const decision = byPath.decideSync({ method: request.method, url, headers: request.headers })
    if (decision.verdict !== 'allow')
      return response.writeHead(decision.status).end(decision.reason)
    response.writeHead(200).end(`this is ${page(url, request)}`)
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  /** Status and body. */
  return async (target, host, ...headers) => {
    const socket = connect(server.address().port, '127.0.0.1')
    socket.end(
      [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...headers, 'Connection: close', '', ''].join(
        '\r\n',
      ),
    )
    let text = ''
    for await (const part of socket.setEncoding('latin1')) text += part
    const [head, body] = text.split('\r\n\r\n')
    return [
      Number(head.split(' ')[1]),
      body.split('\r\n').find((line) => /[a-z]{3}/.test(line)) ?? '',
    ]
  }
}

const hostileHosts = [
  'h\\admin?',
  'h\\admin#',
  'x@h\\admin?',
  'h/admin?',
  'h/admin#',
  'h\\admin',
  'h/admin',
  'h\t\\admin?',
  'x@h/admin?',
  'open.example\\admin?',
  'open.example/admin?',
  'open.example#',
  'open.example?',
  'x@open.example',
  'h\\..\\admin?',
  '%61dmin.example',
  'open.example:80\\admin?',
  'open.example:80@h',
]

test('a header `Host` that ends the authority early opens no other page, in a server that routes by `new URL`', async () => {
  const get = await serveBy((url) => `${new URL(url).host}${new URL(url).pathname}`)
  assert.deepEqual(await get('/', 'h'), [200, 'this is h/'])
  assert.deepEqual(await get('/public/a', 'h:8080'), [200, 'this is h:8080/public/a'])
  assert.deepEqual((await get('/admin', 'h'))[0], 401)
  assert.deepEqual(await get('/admin', 'h', `Authorization: Bearer ${issue(k1)}`), [
    200,
    'this is h/admin',
  ])
  for (const host of hostileHosts) {
    for (const target of ['/', '/public', '/a?']) {
      const [status, body] = await get(target, host)
      assert.ok(status === 400 || status === 401, `${status} ${body} for ${host} ${target}`)
    }
  }
})

test('a header `Host` that brings a path of its own opens no other page, in a server that routes by the target', async () => {
  const get = await serveBy((_, request) => request.url)
  assert.deepEqual(await get('/public', 'h'), [200, 'this is /public'])
  assert.deepEqual(await get('/admin', 'h', `Authorization: Bearer ${issue(k1)}`), [
    200,
    'this is /admin',
  ])
  for (const host of [
    'h/public?',
    'h/public#',
    'h/public/',
    'open.example/?',
    'open.example#',
    'open.example/public',
    'h?',
    'h#',
    'x@h/public?',
    'h\\public?',
    'h/public\t',
  ]) {
    const [status, body] = await get('/admin', host)
    assert.ok(status === 400 || status === 401, `${status} ${body} for ${host}`)
  }
})
