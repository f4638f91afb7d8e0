// The command of the package against that in Rust: the same words, the same output, status and files.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { vectors } from './support/check.mjs'

const installed = join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token')
const { bin, version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
const COMMANDS = {
  rust: [join(process.env.DATAKIT_TOKEN_DIST, 'datakit-token')],
  node: [process.execPath, join(installed, bin['datakit-token'])],
}
const NOW = 1_790_000_000
const at = ['--now', String(NOW)]
const ISSUER = 'https://id.example.com'

const work = mkdtempSync(join(tmpdir(), 'datakit-token-'))
after(() => rmSync(work, { recursive: true, force: true }))
const environment = { ...process.env, OPAQUE: 'tkn_0123456789abcdef0123456789abcdef' }

/** Runs one of both in a directory. */
function run(which, directory, words, input = '') {
  const [program, ...before] = COMMANDS[which]
  const { status, stdout, stderr } = spawnSync(program, [...before, ...words], {
    cwd: directory,
    input,
    env: environment,
    timeout: 30_000,
  })
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

/** What has to work, and what it prints. */
function must(which, directory, ...words) {
  const { status, stdout, stderr } = run(which, directory, words)
  assert.equal(status, 0, `${which} ${words.join(' ')}: ${stderr}`)
  return stdout.trimEnd()
}

/** All files of a directory, with their contents. */
const contents = (directory) =>
  Object.fromEntries(
    readdirSync(directory)
      // The locks, of which each command has its own.
      .filter((name) => !/^lock/.test(name))
      .map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  )
const modes = (directory) =>
  Object.fromEntries(
    ['.', ...Object.keys(contents(directory))].map((name) => [
      name,
      (statSync(join(directory, name)).mode & 0o777).toString(8),
    ]),
  )

/** A directory with everything that the table below names, and the same once more. */
const origin = join(work, 'origin')
const copies = { rust: join(work, 'rust'), node: join(work, 'node') }
const file = (name, text, mode = 0o644) => {
  writeFileSync(join(origin, name), text)
  chmodSync(join(origin, name), mode)
}
const json = (name, value) => file(name, JSON.stringify(value))
const encode = (text) => Buffer.from(text).toString('base64url')
const odd = '\u001b]0;x\u0007\u009b2J\u007f\u0085\u00ad\u200b\u202e\u2066\u2028\ufeff\u{e0041}é😀'
const base = { iss: ISSUER, aud: 'api', exp: NOW + 3600 }
const open = JSON.stringify(base).slice(0, -1)
/** Claims as texts, since this is about how they are written. */
const CLAIMS = {
  plain: `${open}}`,
  spaced: ` {\n\t"iss" : "${ISSUER}" , "aud":["api" , "b"],\r\n"exp":${NOW + 3600}, "o":{ }, "a":[ ] }\n`,
  numbers: `${open},"n":[1e3,1.0,12345678901234567890,-0,1E+05,0.1e-7,100000000000000000000000,-9223372036854775809]}`,
  escapes: `${open},"s":"\\u00e9\\/\\u0001\\b\\f\\t\\ud83d\\ude00\\u007f\\u2028","\\u0061b":"\\"\\\\"}`,
  hidden: JSON.stringify({ ...base, name: odd, [odd]: [odd] }),
  order: `${open},"z":1,"a":{"é":1,"\\uffff":2,"😀":3,"Z":4},"":null,"__proto__":[true,false]}`,
  ended: `${open.replace(String(NOW + 3600), `${NOW - 60}.5`)}}`,
  none: '{}',
}

function prepare() {
  mkdirSync(origin)
  const rust = (...words) => must('rust', origin, ...words)
  rust('keygen', '--out', 'keys', '--kid', 'k1')
  rust('keygen', '--out', 'other', '--kid', 'k2')
  rust('keygen', '--encryption', '--out', 'receiver', '--kid', 'e1')
  for (const name of ['readable', 'linked', 'open', 'broken', 'unknown', 'halves', 'late'])
    cpSync(join(origin, 'keys'), join(origin, name), { recursive: true })
  chmodSync(join(origin, 'readable/keys.json'), 0o644)
  rmSync(join(origin, 'linked/keys.json'))
  symlinkSync('../keys/keys.json', join(origin, 'linked/keys.json'))
  symlinkSync('keys', join(origin, 'link'))
  chmodSync(join(origin, 'open'), 0o777)
  rust('rotate', 'keys', '--kid', 'next', '--lead', '1d', '--security-period', '1h', ...at)
  const ring = readFileSync(join(origin, 'other/keys.json'), 'utf8')
  const state = (name, text) => file(`${name}/keys.json`, text, 0o600)
  state('broken', ring.slice(0, 40))
  state('unknown', ring.replace('"version": 1', '"version": 2'))
  state(
    'halves',
    readFileSync(join(origin, 'keys/keys.json'), 'utf8').replace(
      /"x": ".*"/,
      ring.match(/"x": ".*"/)[0],
    ),
  )
  state('late', ring.replace('"signs_from": 0', `"signs_from": ${NOW + 1}`))

  const set = (name) => JSON.parse(readFileSync(join(origin, name), 'utf8'))
  const provider = {
    name: 'main',
    issuer: ISSUER,
    audiences: ['api'],
    from: { headers: [{ name: 'authorization', scheme: 'Bearer' }], params: ['token'] },
    keys: { inline: set('keys/jwks.json') },
  }
  const rules = [
    { match: { path: { exact: '/open' } }, allow: 'anyone' },
    { match: { path: { prefix: '/a' } }, require: { permission: 'p' } },
  ]
  const config = { version: 1, providers: [provider], rules }
  const other = (more) => ({ ...config, providers: [{ ...provider, ...more }] })
  json('config.json', config)
  json('bare.json', { version: 1, providers: [provider] })
  json('observe.json', { ...config, mode: 'observe' })
  json('statuses.json', {
    ...config,
    responses: { status: { expired: 503 }, format: 'problem+json' },
  })
  json(
    'sealed.json',
    other({
      encryption: { required: true, keys: { inline: set('receiver/decryption-keys.json') } },
    }),
  )
  json('remote.json', other({ keys: { remote: { url: 'https://localhost:1/jwks.json' } } }))
  json(
    'opaque.json',
    other({
      opaque_tokens: [
        { token: { env: 'OPAQUE' }, expires_at: NOW + 9, roles: ['r'], workspace: 'w' },
      ],
    }),
  )
  json('unset.json', other({ opaque_tokens: [{ token: { env: 'NOT_SET' }, expires_at: NOW + 9 }] }))
  json('typo.json', other({ isuer: 'x' }))
  json('skew.json', other({ clock_skew: '301s' }))
  json('slash~.json', { ...config, 'a/b~c': 1 })
  json('short.json', { issuer: ISSUER, audience: 'api', keys: provider.keys.inline })
  json('private.json', other({ keys: { inline: { keys: [set('keys/root.jwk')] } } }))
  file('twice.json', JSON.stringify(config).replace('"rules":', '"rules":[],"rules":'))
  file('cut.json', '{"version":1,\n "providers')
  file('latin1.json', Buffer.from('{"version":1,"x":"\xe9"}', 'latin1'))
  file('mark.json', `\ufeff${JSON.stringify(config)}`)

  for (const [name, text] of Object.entries(CLAIMS)) {
    file(`${name}.claims`, text)
    file(`${name}.token`, rust('issue', '--key', 'keys', '--claims', `${name}.claims`, ...at))
  }
  const words = ['--issuer', ISSUER, '--audience', 'api', '--jti', 'j', ...at]
  const good = rust('issue', '--key', 'keys', ...words, '--permission', 'p', '--ttl', '10m')
  file('good.token', `${good}\n`)
  file(
    'tampered.token',
    good.replace(/.(?=.{20}$)/, (one) => (one === 'A' ? 'B' : 'A')),
  )
  file('other.token', rust('issue', '--key', 'other', ...words))
  file(
    'sealed.token',
    rust(
      'issue',
      '--key',
      'keys',
      ...words,
      '--permission',
      'p',
      '--seal-for',
      'receiver/encryption-jwks.json',
    ),
  )
  file('opaque.token', 'tkn_0123456789abcdef0123456789abcdef')
  file('latin1.token', Buffer.from(`${good}\xe9`, 'latin1'))
  file('empty.token', '\n')
  const header = encode('{"z":1,"alg":"none"}')
  const payload = encode(
    '{"n":[1e3,1.0,12345678901234567890,-0,1e21,1e16,1e15,0.00001,0.000001,1234567890123456789012]}',
  )
  file('odd.token', `${header}.${payload}.x`)
  file('doubles.token', `${header}.${encode(`[${doubles()}]`)}.`)
  file('twice.token', `${header}.${encode('{"a":1,"b":{"c":1,"c":[]},"a":2}')}.x`)
  file('two.token', `${header}.${payload}`)
  file('four.token', `${header}.${payload}.x.y`)
  file('five.token', `${header}.${payload}.x.y.z`)
  file('range.token', `${header}.${encode('1e400')}.x`)
  file('padded.token', `${header}=.${payload}.x`)
  file('deep.token', `${header}.${encode('['.repeat(127) + ']'.repeat(127))}.x`)
  file('deeper.token', `${header}.${encode('['.repeat(128) + ']'.repeat(128))}.x`)
  file('surrogate.token', `${header}.${encode('"\\ud800"')}.x`)
  file('list.claims', '[1]')
  file('cut.claims', '{"a":')
  file('range.claims', '{"a":1e400}')
  file('latin1.claims', Buffer.from('{"a":"\xe9"}', 'latin1'))

  const request = (name, path, headers, more) =>
    json(`${name}.request`, { method: 'GET', path, headers, ...more })
  request('query', `/a?x=1&token=${good}&y`, [
    ['accept', '*/*'],
    ['x-note', '\u009b2J\u00e9'],
  ])
  request('header', '/a/b', [
    ['Authorization', `Bearer ${good}`],
    ['x', '"\\\b'],
  ])
  request('sealed', '/a', [
    ['authorization', `Bearer ${readFileSync(join(origin, 'sealed.token'))}`],
  ])
  request('opaque', '/a', [['authorization', 'Bearer tkn_0123456789abcdef0123456789abcdef']])
  request('ended', `/a?token=${readFileSync(join(origin, 'ended.token'))}`, [])
  request('anyone', '/open', [['host', 'h']], {
    scheme: 'https',
    connection: { client_address: '::1' },
  })
  request('nothing', '/a', [])
  request('wrong', '/a?token=x', [])
  request('elsewhere', '/b', [])
  request('unknown', '/a', [], { 'a/b': 1 })
  request('wide', '/\u0100', [])
  request('headers', '/a', {})
  request('pair', '/a', [['a', 'b', 'c']])
  request('property', '/a', [], { connection: { address: 'x' } })
  request('host', '/a', [], { host: 1 })
  json('methodless.request', { path: '/a' })
  file('twice.request', '{"method":"GET","method":"GET","path":"/a"}')
  file('list.request', '[]')
  for (const copy of Object.values(copies))
    cpSync(origin, copy, { recursive: true, verbatimSymlinks: true })
}

/** Numbers of all lengths, the same at each run. */
function doubles() {
  let state = 88172645463325252n
  const next = () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n
    return state
  }
  return Array.from({ length: 3000 }, (_, index) => {
    const [whole, fraction] = [next() >> BigInt(index % 64), next() >> BigInt((index * 7) % 64)]
    const exponent = index % 3 === 0 ? `e${(next() % 640n) - 330n}` : ''
    const sign = index % 5 === 0 ? '-' : ''
    const digits = BigInt(`${whole}${index % 4 === 0 ? '' : next()}`)
    const text = `${sign}${digits}.${fraction}${exponent}`
    return Number.isFinite(Number(text)) && Math.abs(Number(text)) < 1e300 ? text : '0.0'
  })
}

const issue = (...words) => ['issue', '--key', 'keys', '--issuer', ISSUER, ...at, ...words]
const jti = ['--jti', 'j']
const full = [
  ...[
    '--audience',
    'a',
    '--audience',
    'b',
    '--client-id',
    'c',
    '--subject',
    's',
    '--ttl',
    '1d',
    '--not-before',
    '7',
  ],
  ...[
    '--workspace',
    'w',
    '--role',
    'r1',
    '--role',
    '',
    '--permission',
    'p',
    '--permission',
    'q',
    '--scope',
    'x y',
  ],
]
const verify = (config, token, now = NOW) => ({
  words: ['verify', '--config', config, '--token-file', token, '--now', String(now)],
})
const decide = (config, request) => ({
  words: ['decide', '--config', config, '--request', request, ...at],
})
const inspect = (token) => ({ words: ['inspect', '--token-file', token] })

/**
 * `status` is that of both. What they say on standard error is the same, unless `words` of others may be in it
 * (`loose`): then both say that it is an error.
 */
const CASES = {
  'issue, as short as possible': { words: issue('--audience', 'api', ...jti) },
  'issue, everything': { words: issue(...full, ...jti) },
  'issue, Ed25519': { words: issue('--audience', 'api', ...jti, '--alg', 'Ed25519') },
  'issue, another type': { words: issue('--audience', 'api', ...jti, '--typ', 'a"\\é') },
  'issue, odd texts': { words: issue('--audience', '', ...jti, '--scope', odd, '--role', odd) },
  'issue, an equals sign': { words: issue('--audience=api', '--jti=-x', '--ttl=90s') },
  'issue, the largest number': {
    words: issue('--audience', 'a', ...jti, '--not-before', '18446744073709551615'),
  },
  'issue, a plus sign': { words: issue('--audience', 'a', ...jti, '--not-before', '+5') },
  'issue, with a key file': {
    words: ['issue', '--key', 'keys/root.jwk', '--issuer', 'i', '--audience', 'a', ...jti, ...at],
  },
  'issue, a directory with a slash': {
    words: ['issue', '--key', './keys/', '--issuer', 'i', '--audience', 'a', ...jti, ...at],
  },
  'issue, the next key': {
    words: [
      'issue',
      '--key',
      'keys',
      '--issuer',
      'i',
      '--audience',
      'a',
      ...jti,
      '--now',
      String(NOW + 86_400),
    ],
  },
  ...Object.fromEntries(
    Object.keys(CLAIMS).flatMap((name) => [
      [
        `issue, claims ${name}`,
        { words: ['issue', '--key', 'keys', '--claims', `${name}.claims`, ...at] },
      ],
      [`inspect, claims ${name}`, inspect(`${name}.token`)],
      [
        `verify, claims ${name}`,
        {
          ...verify('config.json', `${name}.token`),
          status: ['ended', 'none'].includes(name) ? 1 : 0,
        },
      ],
    ]),
  ),
  'issue, claims that are no object': {
    words: ['issue', '--key', 'keys', '--claims', 'list.claims'],
    status: 2,
    loose: true,
  },
  'issue, claims that end': {
    words: ['issue', '--key', 'keys', '--claims', 'cut.claims'],
    status: 2,
    loose: true,
  },
  'issue, claims out of range': {
    words: ['issue', '--key', 'keys', '--claims', 'range.claims'],
    status: 2,
    loose: true,
  },
  'issue, claims in Latin-1': {
    words: ['issue', '--key', 'keys', '--claims', 'latin1.claims'],
    status: 2,
    loose: true,
  },
  'issue, no claims file': { words: ['issue', '--key', 'keys', '--claims', 'missing'], status: 2 },
  'issue, a claims file that is a directory': {
    words: ['issue', '--key', 'keys', '--claims', 'other'],
    status: 2,
  },
  'issue, a name that hides': {
    words: ['issue', '--key', 'keys', '--claims', `m${odd.slice(0, 4)}`],
    status: 2,
  },
  'issue, longer than the key': { words: issue('--audience', 'a', '--ttl', '2d'), status: 2 },
  'issue, as long as the key': { words: issue('--audience', 'a', ...jti, '--ttl', '90000s') },
  'issue, a second longer': {
    words: issue('--audience', 'a', ...jti, '--ttl', '90001s'),
    status: 2,
  },
  'issue, no key at this time': {
    words: ['issue', '--key', 'late', '--issuer', 'i', '--audience', 'a', ...at],
    status: 2,
  },
  'issue, no key directory': {
    words: ['issue', '--key', 'missing', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, a directory without keys': {
    words: ['issue', '--key', 'receiver', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, keys that others may read': {
    words: ['issue', '--key', 'readable', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, keys behind a link': {
    words: ['issue', '--key', 'linked', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, a directory behind a link': {
    words: ['issue', '--key', 'link', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, the same with a slash': {
    words: ['issue', '--key', 'link/', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, a key file behind a link': {
    words: ['issue', '--key', 'linked/keys.json', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, a directory of all': {
    words: ['issue', '--key', 'open', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, a device as the key': {
    words: ['issue', '--key', '/dev/null', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, keys that are cut off': {
    words: ['issue', '--key', 'broken', '--issuer', 'i', '--audience', 'a'],
    status: 2,
    loose: true,
  },
  'issue, keys of another version': {
    words: ['issue', '--key', 'unknown', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, halves of two keys': {
    words: ['issue', '--key', 'halves', '--issuer', 'i', '--audience', 'a', '--now', '1790000000'],
    status: 2,
  },
  'issue, a ring for a key': {
    words: ['issue', '--key', 'keys/keys.json', '--issuer', 'i', '--audience', 'a'],
    status: 2,
  },
  'issue, nothing': { words: ['issue'], status: 2 },
  'issue, no issuer': { words: ['issue', '--key', 'keys', '--audience', 'a'], status: 2 },
  'issue, claims and an issuer': {
    words: ['issue', '--key', 'keys', '--claims', 'plain.claims', '--issuer', 'i'],
    status: 2,
  },
  'issue, claims and a role': {
    words: ['issue', '--key', 'keys', '--claims', 'plain.claims', '--role', 'r'],
    status: 2,
  },
  'issue, no time': { words: issue('--audience', 'a', '--ttl', '0s'), status: 2 },
  'issue, a week': { words: issue('--audience', 'a', '--ttl', '1w'), status: 2 },
  'issue, no algorithm': { words: issue('--audience', 'a', '--alg', 'none'), status: 2 },
  'issue, no client': { words: issue('--audience', 'a', '--client-id', ''), status: 2 },
  'issue, a control character': {
    words: issue('--audience', 'a', '--subject', 'a\u0085'),
    status: 2,
    loose: true,
  },
  'issue, no number': { words: issue('--audience', 'a', '--not-before', 'x'), status: 2 },
  'issue, a number too large': {
    words: issue('--audience', 'a', '--not-before', '18446744073709551616'),
    status: 2,
  },
  'issue, milliseconds': {
    words: ['issue', '--key', 'keys', '--issuer', 'i', '--audience', 'a', '--now', '1790000000000'],
    status: 2,
  },
  'issue, the year 0': {
    words: ['issue', '--key', 'keys', '--issuer', 'i', '--audience', 'a', '--now', '0'],
    status: 2,
  },
  'issue, a flag twice': {
    words: issue('--audience', 'a', '--ttl', '1h', '--ttl', '1h'),
    status: 2,
  },
  'inspect, standard input': { words: ['inspect'], input: readLater('good.token') },
  ...Object.fromEntries(
    ['good', 'sealed', 'odd', 'doubles', 'twice', 'two', 'four', 'five', 'deep'].map((name) => [
      `inspect, ${name}`,
      inspect(`${name}.token`),
    ]),
  ),
  ...Object.fromEntries(
    ['opaque', 'latin1', 'empty', 'range', 'padded', 'deeper', 'surrogate', 'missing'].map(
      (name) => [`inspect, ${name}`, { ...inspect(`${name}.token`), status: 2 }],
    ),
  ),
  'inspect, nothing': { words: ['inspect'], status: 2 },
  'inspect, a directory': { words: ['inspect', '--token-file', 'keys'], status: 2 },
  'verify, good': verify('config.json', 'good.token'),
  'verify, good, the clock of the machine': {
    words: ['verify', '--config', 'config.json', '--token-file', 'good.token'],
    status: 1,
  },
  'verify, standard input': {
    words: ['verify', '--config', 'config.json', ...at],
    input: readLater('good.token'),
  },
  'verify, two newlines': {
    words: ['verify', '--config', 'config.json', ...at],
    input: (directory) => `${readLater('good.token')(directory)}\n`,
    status: 1,
  },
  'verify, expired': { ...verify('config.json', 'good.token', NOW + 700), status: 1 },
  'verify, expired, another status for requests': {
    ...verify('statuses.json', 'good.token', NOW + 700),
    status: 1,
  },
  'verify, not yet issued': { ...verify('config.json', 'good.token', NOW - 700), status: 1 },
  'verify, tampered': { ...verify('config.json', 'tampered.token'), status: 1 },
  'verify, unknown key': { ...verify('config.json', 'other.token'), status: 1 },
  'verify, no rules': verify('bare.json', 'good.token'),
  'verify, encrypted': verify('sealed.json', 'sealed.token'),
  'verify, encrypted, without the key': { ...verify('config.json', 'sealed.token'), status: 1 },
  'verify, not encrypted': { ...verify('sealed.json', 'good.token'), status: 1 },
  'verify, keys that are not there': { ...verify('remote.json', 'good.token'), status: 1 },
  'verify, opaque': verify('opaque.json', 'opaque.token'),
  'verify, opaque and ended': { ...verify('opaque.json', 'opaque.token', NOW + 9), status: 1 },
  'verify, in Latin-1': { ...verify('config.json', 'latin1.token'), status: 1 },
  'verify, empty': { ...verify('config.json', 'empty.token'), status: 2 },
  'verify, no file': { ...verify('config.json', 'missing'), status: 2 },
  'verify, a time too large': {
    ...verify('config.json', 'good.token', 253_402_300_800),
    status: 2,
  },
  ...Object.fromEntries(
    [
      'typo',
      'skew',
      'slash~',
      'short',
      'private',
      'twice',
      'cut',
      'latin1',
      'mark',
      'unset',
      'missing',
    ].map((name) => [
      `verify, configuration ${name}`,
      { ...verify(`${name}.json`, 'good.token'), status: 2 },
    ]),
  ),
  ...Object.fromEntries(
    ['query', 'header', 'anyone'].map((name) => [
      `decide, ${name}`,
      decide('config.json', `${name}.request`),
    ]),
  ),
  'decide, encrypted': decide('sealed.json', 'sealed.request'),
  'decide, opaque and no permission': { ...decide('opaque.json', 'opaque.request'), status: 1 },
  'decide, ended, another status': { ...decide('statuses.json', 'ended.request'), status: 1 },
  ...Object.fromEntries(
    ['ended', 'nothing', 'wrong', 'elsewhere'].flatMap((name) => [
      [`decide, ${name}`, { ...decide('config.json', `${name}.request`), status: 1 }],
      [`decide, ${name}, only watched`, decide('observe.json', `${name}.request`)],
    ]),
  ),
  ...Object.fromEntries(
    [
      'unknown',
      'wide',
      'headers',
      'pair',
      'property',
      'host',
      'methodless',
      'twice',
      'list',
      'missing',
    ].map((name) => [
      `decide, request ${name}`,
      { ...decide('config.json', `${name}.request`), status: 2 },
    ]),
  ),
  'keygen, where keys are': { words: ['keygen', '--out', 'keys'], status: 2 },
  'keygen, a directory of all': { words: ['keygen', '--out', 'open'], status: 2 },
  'keygen, a link': { words: ['keygen', '--out', 'link'], status: 2 },
  'keygen, a file': { words: ['keygen', '--out', 'config.json'], status: 2 },
  'keygen, below a file': { words: ['keygen', '--out', 'config.json/keys'], status: 2 },
  'keygen, no id': { words: ['keygen', '--out', 'new', '--kid', ''], status: 2 },
  'keygen, an id too long': {
    words: ['keygen', '--out', 'new', '--kid', 'é'.repeat(129)],
    status: 2,
  },
  'keygen, no directory': { words: ['keygen'], status: 2 },
  'keygen, an empty name': { words: ['keygen', '--out', ''], status: 2 },
  'no subcommand of any': { words: ['nonsense'], status: 2 },
  'an unknown flag': { words: ['verify', '--bogus'], status: 2 },
  'an unknown short flag': { words: ['inspect', '-x'], status: 2 },
  'a flag before the subcommand': { words: ['--config', 'verify'], status: 2 },
  'a flag without its value': { words: ['verify', '--config'], status: 2 },
  'a flag for a value': { words: ['verify', '--config', '--now'], status: 2 },
  'an empty path': { words: ['verify', '--config='], status: 2 },
  'a word too many': { words: ['verify', 'x'], status: 2 },
  'a word after two hyphens': { words: ['verify', '--', '--config'], status: 2 },
  'the version': { words: ['--version'] },
  'the version, short': { words: ['-V'] },
  'help for inspect': { words: ['inspect', '--help'] },
  'help for verify': { words: ['verify', '-h'] },
  'help for decide': { words: ['help', 'decide'] },
  'help before a mistake': { words: ['decide', '--help', '--bogus'] },
  'help after a mistake': { words: ['decide', '--bogus', '--help'], status: 2 },
  'help for what is not there': { words: ['help', 'nonsense'], status: 2 },
}

function readLater(name) {
  return (directory) => readFileSync(join(directory, name))
}

prepare()

/** After an empty line an error of clap goes on with the usage, which names flags that are in Rust alone. */
const firstPart = (text) => text.split('\n\n')[0].trimEnd()

for (const [name, { words, input, status = 0, loose = false }] of Object.entries(CASES))
  test(name, () => {
    const given = (which) => (typeof input === 'function' ? input(copies[which]) : input)
    const [theirs, ours] = Object.keys(copies).map((which) =>
      run(which, copies[which], words, given(which)),
    )
    assert.deepEqual([theirs.status, ours.status], [status, status], ours.stderr + theirs.stderr)
    assert.equal(ours.stdout, theirs.stdout)
    if (status === 2) {
      assert.match(theirs.stderr, /^error: /)
      assert.match(ours.stderr, /^error: /)
      assert.equal(ours.stdout, '')
    }
    if (loose) return
    assert.equal(firstPart(ours.stderr), firstPart(theirs.stderr))
  })

test('what both have noted down is the same, byte for byte', () => {
  const before = contents(join(origin, 'keys'))
  const [theirs, ours] = Object.values(copies).map((copy) => contents(join(copy, 'keys')))
  assert.deepEqual(ours, theirs)
  assert.notEqual(ours['keys.json'], before['keys.json'])
})

test('keygen makes the same files with the same modes, whatever the umask, and never overwrites', () => {
  const mask = process.umask(0o077)
  const made = Object.keys(COMMANDS).map((which) => {
    const directory = mkdtempSync(join(work, 'keygen-'))
    const { stderr } = run(which, directory, ['keygen', '--out', 'a/keys', '--kid', '-é"'])
    process.umask(0o022)
    const { status } = run(which, directory, ['keygen', '--out', 'b'])
    assert.equal(status, 0)
    process.umask(0o077)
    return { directory, stderr, a: join(directory, 'a/keys'), b: join(directory, 'b') }
  })
  process.umask(mask)
  const [theirs, ours] = made
  assert.deepEqual(modes(ours.a), modes(theirs.a))
  assert.deepEqual(modes(ours.b), modes(theirs.b))
  assert.equal(modes(ours.b)['keys.json'], '600')
  assert.equal(modes(ours.b)['jwks.json'], '644')
  assert.equal(ours.stderr, theirs.stderr)
  // All but the keys themselves.
  const shape = (directory) =>
    Object.fromEntries(
      Object.entries(contents(directory)).map(([name, text]) => [
        name,
        text.replaceAll(/"[\w-]{43}"/g, '"43"'),
      ]),
    )
  assert.deepEqual(shape(ours.a), shape(theirs.a))
  assert.deepEqual(shape(ours.b), shape(theirs.b))
  const before = contents(ours.b)
  for (const which of Object.keys(COMMANDS)) {
    const again = run(which, ours.directory, ['keygen', '--out', 'b'])
    assert.equal(again.status, 2)
    assert.ok(!/"?[\w-]{43}/.test(again.stderr), 'no key is shown')
    assert.deepEqual(contents(ours.b), before)
    // Also if what others look at is not there.
    for (const name of ['root.jwk', 'roots.json', 'jwks.json'])
      rmSync(join(ours.b, name), { force: true })
    assert.equal(run(which, ours.directory, ['keygen', '--out', 'b']).status, 2)
    assert.deepEqual(contents(ours.b), { 'keys.json': before['keys.json'] })
    for (const [name, text] of Object.entries(before))
      writeFileSync(join(ours.b, name), text, { mode: 0o600 })
  }
})

test('each goes on with the directory of the other, and back', () => {
  for (const [first, second] of [
    ['node', 'rust'],
    ['rust', 'node'],
  ]) {
    const directory = mkdtempSync(join(work, 'both-'))
    must(first, directory, 'keygen', '--out', 'keys')
    const words = ['--key', 'keys', '--issuer', ISSUER, '--audience', 'api', ...jti]
    const tokens = [second, first, second].map((which, index) =>
      must(which, directory, 'issue', ...words, '--now', String(NOW), '--ttl', `${3 - index}h`),
    )
    assert.match(
      contents(join(directory, 'keys'))['keys.json'],
      new RegExp(`"last_token": ${NOW + 3 * 3600}\n`),
    )
    const keys = { inline: JSON.parse(contents(join(directory, 'keys'))['jwks.json']) }
    const provider = { name: 'main', issuer: ISSUER, audiences: ['api'], keys }
    writeFileSync(
      join(directory, 'config.json'),
      JSON.stringify({ version: 1, providers: [provider] }),
    )
    for (const token of tokens)
      for (const which of [first, second]) {
        const verified = run(which, directory, ['verify', '--config', 'config.json', ...at], token)
        assert.equal(verified.status, 0, verified.stderr)
      }
    // The end of the last token is the end of its key, which is what the note is for.
    must('rust', directory, 'rotate', 'keys', '--lead', '0s', '--security-period', '0s', ...at)
    for (const which of [first, second]) {
      const { status, stdout } = run(which, directory, [
        'issue',
        ...words,
        '--now',
        String(NOW + 1),
      ])
      assert.deepEqual([status, stdout.split('.').length], [0, 3])
    }
    const set = JSON.parse(must('rust', directory, 'status', 'keys', ...at).split('\n')[0])
    assert.equal(set.ends, NOW + 3 * 3600)
  }
})

test('a lock of the same command is waited for, and nothing is left behind', () => {
  const directory = mkdtempSync(join(work, 'lock-'))
  must('node', directory, 'keygen', '--out', 'keys')
  assert.deepEqual(readdirSync(join(directory, 'keys')).sort(), [
    'jwks.json',
    'keys.json',
    'root.jwk',
    'roots.json',
  ])
  const words = ['issue', '--key', 'keys', '--issuer', 'i', '--audience', 'a']
  assert.equal(run('node', directory, [...words, '--now', '9999999999999']).status, 2)
  must('node', directory, ...words)
  assert.deepEqual(readdirSync(join(directory, 'keys')).sort(), [
    'jwks.json',
    'keys.json',
    'root.jwk',
    'roots.json',
  ])
  writeFileSync(join(directory, 'keys/lock.npx'), '')
  const start = Date.now()
  const { status, stderr } = run('node', directory, words)
  assert.deepEqual([status, Date.now() - start >= 10_000], [2, true], stderr)
  assert.match(stderr, /^error: keys\/lock\.npx: somebody else has locked/)
  assert.ok(readdirSync(join(directory, 'keys')).includes('lock.npx'))
})

test('what only the command in Rust has is said to be there', () => {
  for (const words of [
    ['keygen', '--encryption', '--out', 'x'],
    ['issue', '--seal-for', 'x'],
    ...['rotate', 'revoke', 'unrevoke', 'replace', 'publish', 'status'].map((name) => [
      name,
      'keys',
    ]),
  ]) {
    const { status, stdout, stderr } = run('node', copies.node, words)
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, /^error: .*only the command in Rust has it/)
  }
})

test('without a subcommand both say what there is', () => {
  for (const which of Object.keys(COMMANDS)) {
    const { status, stdout, stderr } = run(which, copies[which], [])
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, /Usage: datakit-token <COMMAND>/)
  }
  for (const words of [['--help'], ['-h'], ['help'], ['keygen', '--help'], ['issue', '-h']]) {
    const { status, stdout, stderr } = run('node', copies.node, words)
    assert.deepEqual([status, stderr], [0, ''])
    assert.match(stdout, /Usage: datakit-token /)
    assert.ok(!/--encryption|--seal-for/.test(stdout))
  }
  assert.equal(run('node', copies.node, ['-V']).stdout, `datakit-token ${version}\n`)
})

test('60 of the shared vectors, through both', (context) => {
  const plain = vectors.filter(({ config }) => typeof config === 'object')
  const chosen = Array.from(
    { length: 60 },
    (_, index) => plain[Math.floor((index * plain.length) / 60)],
  )
  const directory = mkdtempSync(join(work, 'vectors-'))
  const statuses = chosen.map(({ name, config, request, now, expect, environment: variables }) => {
    Object.assign(environment, variables)
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
    writeFileSync(join(directory, 'request.json'), JSON.stringify(request))
    const words = [
      'decide',
      '--config',
      'config.json',
      '--request',
      'request.json',
      '--now',
      String(Math.floor(now)),
    ]
    const [theirs, ours] = Object.keys(COMMANDS).map((which) => run(which, directory, words))
    assert.deepEqual(ours, theirs, name)
    assert.equal(JSON.parse(ours.stdout).reason, expect.reason, name)
    return ours.status
  })
  context.diagnostic(`${statuses.filter((status) => status === 0).length} of them allowed`)
  assert.equal(new Set(chosen).size, 60)
  assert.deepEqual([...new Set(statuses)].sort(), [0, 1])
})
