// The files that the table of commands names, made with the command in Rust.
import { chmodSync, cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ISSUER, must, newDirectory, NOW } from './command.mjs'

/** What moves, hides or turns round text on a terminal, and what does not. */
export const ODD =
  '\u001b]0;x\u0007\u009b2J\u007f\u0085\u00ad\u200b\u202e\u2066\u2028\ufeff\u{e0041}é😀'
export const OPAQUE = 'tkn_0123456789abcdef0123456789abcdef'
const END = NOW + 3600
const base = { iss: ISSUER, aud: 'api', exp: END }
const open = JSON.stringify(base).slice(0, -1)
const NUMBERS =
  '1e3,1.0,12345678901234567890,-0,1E+05,0.1e-7,100000000000000000000000,-9223372036854775809'
/** Claims as texts, since this is about how they are written. */
export const CLAIMS = {
  plain: `${open}}`,
  spaced: ` {\n\t"iss" : "${ISSUER}" , "aud":["api" , "b"],\r\n"exp":${END}, "o":{ }, "a":[ ] }\n`,
  numbers: `${open},"n":[${NUMBERS}]}`,
  escapes: `${open},"s":"\\u00e9\\/\\u0001\\b\\f\\t\\ud83d\\ude00\\u007f\\u2028","\\u0061b":"\\"\\\\"}`,
  hidden: JSON.stringify({ ...base, name: ODD, [ODD]: [ODD] }),
  order: `${open},"z":1,"a":{"é":1,"\\uffff":2,"😀":3,"Z":4},"":null,"__proto__":[true,false]}`,
  ended: `${open.replace(String(END), `${NOW - 60}.5`)}}`,
  none: '{}',
}

const encode = (text) => Buffer.from(text).toString('base64url')
const HEADER = encode('{"z":1,"alg":"none"}')
const unsigned = (payload) => `${HEADER}.${encode(payload)}.x`
const SHOWN =
  '[1e3,1.0,12345678901234567890,-0,1e21,1e16,1e15,0.00001,0.000001,1234567890123456789012]'

/** A directory with all of them. */
export async function makeFiles() {
  const directory = newDirectory()
  const place = (name) => join(directory, name)
  const rust = (...words) => must('rust', directory, ...words)
  const read = (name) => readFileSync(place(name), 'utf8')
  await makeKeys(place, rust, read)
  await makeTokens(place, rust, read)
  makeConfigurations(place, read)
  makeRequests(place, read)
  return directory
}

async function makeKeys(place, rust, read) {
  await rust('keygen', '--out', 'keys', '--kid', 'k1')
  await rust('keygen', '--out', 'other', '--kid', 'k2')
  await rust('keygen', '--encryption', '--out', 'receiver', '--kid', 'e1')
  for (const name of ['readable', 'linked', 'open', 'broken', 'unknown', 'halves', 'late', 'rules'])
    cpSync(place('keys'), place(name), { recursive: true })
  chmodSync(place('readable/keys.json'), 0o644)
  rmSync(place('linked/keys.json'))
  symlinkSync('../keys/keys.json', place('linked/keys.json'))
  symlinkSync('keys', place('link'))
  symlinkSync('loop', place('loop'))
  chmodSync(place('open'), 0o777)
  const [ring, other] = [read('keys/keys.json'), read('other/keys.json')]
  const state = (name, text) => writeFileSync(place(`${name}/keys.json`), text)
  state('broken', ring.slice(0, 40))
  state('unknown', ring.replace('"version": 1', '"version": 2'))
  state('halves', ring.replace(/"x": ".*"/, other.match(/"x": ".*"/)[0]))
  state('late', ring.replace('"signs_from": 0', `"signs_from": ${NOW + 1}`))
  const rule = '{"a":[],"match":{"n":12345678901234567890,"s":"\\u001b\\/é"},"o":{}}'
  state('rules', ring.replace('"rules": []', `"rules": [${rule}]`))
  const times = ['--lead', '1d', '--security-period', '1h', '--now', String(NOW)]
  await rust('rotate', 'keys', '--kid', 'next', ...times)
}

async function makeTokens(place, rust, read) {
  const token = (name, text) => writeFileSync(place(`${name}.token`), text)
  const at = ['--now', String(NOW)]
  for (const [name, text] of Object.entries(CLAIMS)) {
    writeFileSync(place(`${name}.claims`), text)
    token(name, await rust('issue', '--key', 'keys', '--claims', `${name}.claims`, ...at))
  }
  const words = [
    '--issuer',
    ISSUER,
    '--audience',
    'api',
    '--permission',
    'p',
    '--ttl',
    '10m',
    ...at,
  ]
  const good = await rust('issue', '--key', 'keys', ...words)
  const seal = ['--seal-for', 'receiver/encryption-jwks.json']
  token('good', `${good}\n`)
  token(
    'tampered',
    good.replace(/.(?=.{20}$)/, (one) => (one === 'A' ? 'B' : 'A')),
  )
  token('other', await rust('issue', '--key', 'other', ...words))
  token('sealed', await rust('issue', '--key', 'keys', ...words, ...seal))
  token('opaque', OPAQUE)
  token('latin1', Buffer.from(`${good}\xe9`, 'latin1'))
  token('empty', '\n')
  token('long', `${good}${'x'.repeat(8192)}`)
  token('odd', unsigned(SHOWN))
  token('doubles', unsigned(`[${doubles()}]`))
  token('twice', unsigned('{"a":1,"b":{"c":1,"c":[]},"a":2}'))
  token('hides', unsigned(JSON.stringify(ODD)))
  token('two', `${HEADER}.${encode(SHOWN)}`)
  token('four', `${HEADER}.${encode(SHOWN)}.x.y`)
  token('five', `${HEADER}.${encode(SHOWN)}.x.y.z`)
  token('range', unsigned('1e400'))
  token('padded', unsigned('1').replace('.', '=.'))
  token('deep', unsigned('['.repeat(127) + ']'.repeat(127)))
  token('deeper', unsigned('['.repeat(128) + ']'.repeat(128)))
  token('surrogate', unsigned('"\\ud800"'))
  for (const [name, text] of Object.entries({
    half: '{"exp":1999999999.5}',
    huge: '{"exp":12345678901234567890}',
    'bad-list': '[1]',
    'bad-cut': '{"a":',
    'bad-range': '{"a":1e400}',
    'bad-latin1': Buffer.from('{"a":"\xe9"}', 'latin1'),
  }))
    writeFileSync(place(`${name}.claims`), text)
  writeFileSync(place('whole.jwk'), read('other/root.jwk'), { mode: 0o600 })
}

function makeConfigurations(place, read) {
  const set = (name) => JSON.parse(read(name))
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
  const opaque = (token) => [{ token, expires_at: NOW + 9, roles: ['r'], workspace: 'w' }]
  const decryption = { inline: set('receiver/decryption-keys.json') }
  for (const [name, value] of Object.entries({
    config,
    bare: { version: 1, providers: [provider] },
    observe: { ...config, mode: 'observe' },
    statuses: { ...config, responses: { status: { expired: 503 }, format: 'problem+json' } },
    sealed: other({ encryption: { required: true, keys: decryption } }),
    remote: other({ keys: { remote: { url: 'https://localhost:1/jwks.json' } } }),
    opaque: other({ opaque_tokens: opaque({ env: 'OPAQUE' }) }),
    unset: other({ opaque_tokens: opaque({ env: 'NOT_SET' }) }),
    typo: other({ isuer: 'x' }),
    skew: other({ clock_skew: '301s' }),
    'slash~': { ...config, 'a/b~c': 1 },
    short: { issuer: ISSUER, audience: 'api', keys: provider.keys.inline },
    private: other({ keys: { inline: { keys: [set('keys/root.jwk')] } } }),
  }))
    writeFileSync(place(`${name}.json`), JSON.stringify(value))
  const text = JSON.stringify(config)
  writeFileSync(place('twice.json'), text.replace('"rules":', '"rules":[],"rules":'))
  writeFileSync(place('cut.json'), '{"version":1,\n "providers')
  writeFileSync(place('latin1.json'), Buffer.from('{"version":1,"x":"\xe9"}', 'latin1'))
  writeFileSync(place('mark.json'), `\ufeff${text}`)
}

function makeRequests(place, read) {
  const request = (name, path, headers = [], more = {}) =>
    writeFileSync(
      place(`${name}.request`),
      JSON.stringify({ method: 'GET', path, headers, ...more }),
    )
  const bearer = (token) => [['Authorization', `Bearer ${token}`]]
  const good = read('good.token').trim()
  request('query', `/a?x=1&token=${good}&y`, [['x-note', '\u009b2J\u00e9']])
  request('header', '/a/b', [...bearer(good), ['x', '"\\\b']])
  request('sealed', '/a', bearer(read('sealed.token')))
  request('opaque', '/a', bearer(OPAQUE))
  request('ended', `/a?token=${read('ended.token')}`)
  request('numbers', '/a', bearer(read('numbers.token')))
  request('anyone', '/open', [['host', 'h']], {
    scheme: 'https',
    connection: { client_address: '::1' },
  })
  request('nothing', '/a')
  request('wrong', '/a?token=x')
  request('elsewhere', '/b')
  request('unknown', '/a', [], { 'a/b': 1 })
  request('wide', '/\u0100')
  request('headers', '/a', {})
  request('pair', '/a', [['a', 'b', 'c']])
  request('property', '/a', [], { connection: { address: 'x' } })
  request('host', '/a', [], { host: 1 })
  writeFileSync(place('methodless.request'), '{"path":"/a"}')
  writeFileSync(place('twice.request'), '{"method":"GET","method":"GET","path":"/a"}')
  writeFileSync(place('list.request'), '[]')
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
    const digits = BigInt(`${whole}${index % 4 === 0 ? '' : next()}`)
    const text = `${index % 5 === 0 ? '-' : ''}${digits}.${fraction}${exponent}`
    return Math.abs(Number(text)) < 1e300 ? text : '0.0'
  })
}
