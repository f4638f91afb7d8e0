// The table of commands: what is asked for, and the exit status of both. Words are parted by spaces.
import { NOW } from './command.mjs'
import { CLAIMS, ODD } from './command_files.mjs'

const at = `--now ${NOW}`
/** Whatever has to be said of a token. */
const short = `--issuer https://id.example.com --audience api --jti j ${at}`
const mine = `issue --key keys ${short}`
const named = `--issuer i --audience a ${at}`
const full =
  '--audience b --client-id c --subject s --ttl 1d --not-before 7 --workspace w --role r1 --role r2 ' +
  '--permission p --permission q --scope x,y'

/** What both do, with the same words on standard error. */
const done = `
${mine}
${mine} ${full}
${mine} --alg Ed25519
${mine} --typ JWT
${mine} --ttl=90s --scope=-x
${mine} --not-before 18446744073709551615
${mine} --not-before +5
${mine} --ttl 90000s
issue --key whole.jwk ${short}
issue --key ./keys/ ${short}
issue --key rules ${short}
issue --key rules --claims half.claims ${at}
issue --key late --claims huge.claims --now ${NOW + 1}
issue --key keys --issuer i --audience a --jti j --now ${NOW + 86_400}
inspect --token-file good.token
inspect --token-file sealed.token
inspect --token-file odd.token
inspect --token-file doubles.token
inspect --token-file twice.token
inspect --token-file hides.token
inspect --token-file two.token
inspect --token-file four.token
inspect --token-file five.token
inspect --token-file deep.token
verify --config config.json --token-file good.token ${at}
verify --config bare.json --token-file good.token ${at}
verify --config sealed.json --token-file sealed.token ${at}
verify --config opaque.json --token-file opaque.token ${at}
decide --config config.json --request query.request ${at}
decide --config config.json --request header.request ${at}
decide --config config.json --request anyone.request ${at}
decide --config sealed.json --request sealed.request ${at}
decide --config observe.json --request ended.request ${at}
decide --config observe.json --request nothing.request ${at}
decide --config observe.json --request wrong.request ${at}
decide --config observe.json --request elsewhere.request ${at}
decide --config observe.json --request numbers.request ${at}
--version
-V
verify -h
help decide
decide --help --bogus
`

const denied = `
verify --config config.json --token-file good.token
verify --config config.json --token-file good.token --now ${NOW + 700}
verify --config config.json --token-file good.token --now ${NOW - 700}
verify --config statuses.json --token-file good.token --now ${NOW + 700}
verify --config config.json --token-file tampered.token ${at}
verify --config config.json --token-file other.token ${at}
verify --config config.json --token-file sealed.token ${at}
verify --config sealed.json --token-file good.token ${at}
verify --config remote.json --token-file good.token ${at}
verify --config opaque.json --token-file opaque.token --now ${NOW + 9}
verify --config config.json --token-file latin1.token ${at}
verify --config config.json --token-file long.token ${at}
decide --config config.json --request ended.request ${at}
decide --config config.json --request nothing.request ${at}
decide --config config.json --request wrong.request ${at}
decide --config config.json --request elsewhere.request ${at}
decide --config config.json --request numbers.request ${at}
decide --config opaque.json --request opaque.request ${at}
decide --config statuses.json --request ended.request ${at}
decide --config remote.json --request header.request ${at}
`

const refused = `
keygen
keygen --out
keygen --out keys
keygen --out open
keygen --out link
keygen --out config.json
keygen --out config.json/keys
keygen --out new --kid ${'é'.repeat(129)}
issue
issue --key keys --audience a
issue --key keys --claims missing
issue --key keys --claims other
issue --key keys --claims plain.claims --issuer i
issue --key keys --claims plain.claims --role r
issue --key keys --claims plain.claims --ttl 1h
issue --key late ${named}
issue --key missing ${named}
issue --key receiver ${named}
issue --key readable ${named}
issue --key linked ${named}
issue --key link ${named}
issue --key link/ ${named}
issue --key link/. ${named}
issue --key linked/keys.json ${named}
issue --key readable/keys.json ${named}
issue --key open ${named}
issue --key loop ${named}
issue --key config.json/x ${named}
issue --key /dev/null ${named}
issue --key unknown ${named}
issue --key halves ${named}
issue --key keys/keys.json ${named}
issue --key config.json ${named}
issue --key keys --issuer i --audience a --now 1790000000000
issue --key keys --issuer i --audience a --now 0
${mine} --ttl 90001s
${mine} --ttl 2d
${mine} --ttl 0s
${mine} --ttl 1w
${mine} --ttl 99999999999999999999d
${mine} --ttl 1h --ttl 1h
${mine} --alg none
${mine} --not-before x
${mine} --not-before 18446744073709551616
inspect
inspect -x
inspect --token-file keys
inspect --token-file missing
inspect --token-file opaque.token
inspect --token-file latin1.token
inspect --token-file empty.token
inspect --token-file range.token
inspect --token-file padded.token
inspect --token-file deeper.token
inspect --token-file surrogate.token
verify
verify x
verify -- --config
verify --bogus
verify --config
verify --config=
verify --config --now
verify --config config.json --token-file missing
verify --config config.json --token-file empty.token
verify --config config.json --token-file good.token --now 253402300800
verify --config typo.json --token-file good.token
verify --config skew.json --token-file good.token
verify --config slash~.json --token-file good.token
verify --config short.json --token-file good.token
verify --config private.json --token-file good.token
verify --config twice.json --token-file good.token
verify --config cut.json --token-file good.token
verify --config latin1.json --token-file good.token
verify --config mark.json --token-file good.token
verify --config unset.json --token-file good.token
verify --config missing --token-file good.token
decide --config config.json
decide --config config.json --request unknown.request
decide --config config.json --request wide.request
decide --config config.json --request headers.request
decide --config config.json --request pair.request
decide --config config.json --request property.request
decide --config config.json --request host.request
decide --config config.json --request methodless.request
decide --config config.json --request twice.request
decide --config config.json --request list.request
decide --config config.json --request missing
decide --config twice.json --request query.request
decide --bogus --help
help nonsense
nonsense
--config verify
-x
`

/** Where a library of one of both words what is wrong. */
const refusedInOtherWords = `
issue --key keys --claims bad-list.claims
issue --key keys --claims bad-cut.claims
issue --key keys --claims bad-range.claims
issue --key keys --claims bad-latin1.claims
issue --key broken ${named}
`

const rows = (text, status, more) =>
  text
    .trim()
    .split('\n')
    .map((line) => ({ words: line.split(' '), status, ...more }))

const words = (line, ...more) => [...line.split(' '), ...more]
const claims = Object.keys(CLAIMS).flatMap((name) => [
  { words: words(`issue --key keys --claims ${name}.claims ${at}`), status: 0 },
  { words: words(`inspect --token-file ${name}.token`), status: 0 },
  {
    words: words(`verify --config config.json --token-file ${name}.token ${at}`),
    status: ['ended', 'none'].includes(name) ? 1 : 0,
  },
])
/** With a space, with nothing, or with what nobody sees. */
const odd = [
  {
    words: words(mine, '--scope', ODD, '--role', '', '--permission', 'a b', '--typ', 'é"\\'),
    status: 0,
  },
  { words: words(mine, '--audience', '', '--workspace', ' ', '--scope', ''), status: 0 },
  { words: words('issue --key keys --claims', `m${ODD.slice(0, 4)}`), status: 2 },
  { words: words(mine, '--client-id', ''), status: 2 },
  { words: words(mine, '--subject', 'a\u0085'), status: 2, inOtherWords: true },
  { words: words('keygen --out new --kid', ''), status: 2 },
  { words: words('keygen --out', ''), status: 2 },
]
const inputs = [
  { words: ['inspect'], input: 'good.token', status: 0 },
  { words: words(`verify --config config.json ${at}`), input: 'good.token', status: 0 },
  // One newline ends the line; a second one is part of the token.
  {
    words: words(`verify --config config.json ${at}`),
    input: 'good.token',
    added: '\n',
    status: 1,
  },
  { words: words(`verify --config config.json ${at}`), input: 'empty.token', status: 2 },
]

export const CASES = [
  ...rows(done, 0),
  ...rows(denied, 1),
  ...rows(refused, 2),
  ...rows(refusedInOtherWords, 2, { inOtherWords: true }),
  ...claims,
  ...odd,
  ...inputs,
]
