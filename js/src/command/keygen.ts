// `keygen`: a new key directory.
import { existsSync } from 'node:fs'
import { requireFlags } from './arguments.js'
import { failureAt } from './failure.js'
import { create, makePrivateDirectory, within } from './files.js'
import { writeCompact } from './json_text.js'
import { createState } from './key_directory.js'
import { checkKeyId, generate, publicJwk, type PrivateKey } from './private_key.js'
import type { Subcommand } from './subcommand.js'
import { say } from './terminal.js'

const flags = {
  out: {
    help: 'Key directory; made if missing, with mode 0700',
    value: 'DIR',
    required: true,
  },
  encryption: { help: 'A key that tokens are encrypted for, instead of those that sign' },
  kid: {
    help: "Key id; the key's thumbprint (RFC 7638) if absent",
    value: 'ID',
    hyphens: true,
    empty: true,
    check: checkKeyId,
  },
} as const

export const keygen: Subcommand = {
  about: 'Make a key directory: keys.json and root.jwk (mode 0600), jwks.json and roots.json',
  flags,
  run: (given) => {
    requireFlags(given, flags, ['out'])
    const out = given.only('out')
    const file = (name: string) => within(out, name)
    makePrivateDirectory(out)
    for (const name of ['root.jwk', 'roots.json', 'jwks.json'])
      if (existsSync(file(name)))
        throw failureAt(file(name), 'expected no such file: keys are never overwritten')
    const [root, key] = [generate(), generate(given.get('kid'))]
    createState(out, key)
    create(file('root.jwk'), writePrivate(root), 0o600)
    create(file('roots.json'), writeSet(root), 0o644)
    create(file('jwks.json'), writeSet(key), 0o644)
    say(`${file('keys.json')}: signs tokens; keep this secret`)
    say(`${file('root.jwk')}: signs trust bundles; keep this secret, and elsewhere if you can`)
    say(`${file('jwks.json')}, ${file('roots.json')}: for the configuration of verifiers`)
    return 0
  },
}

const writePrivate = ({ id, x, d }: PrivateKey) =>
  `${JSON.stringify({ kty: 'OKP', crv: 'Ed25519', kid: id, x, d })}\n`

const writeSet = (key: PrivateKey) => `${writeCompact(new Map([['keys', [publicJwk(key)]]]))}\n`
